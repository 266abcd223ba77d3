"""`clvl-bench reproduce` on a made-up target of two numbers, over made-up features."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command import clvl_here
from helpers.whu_rs19 import write_arrays

from clvl_bench.core.exit_codes import ExitCode
from clvl_bench.data.catalog.whu_rs19 import FILES
from clvl_bench.data.readers.backbone_features import sha256_of_arrays
from clvl_bench.report.runs import find_runs
from clvl_bench.runs.files import load, runs_of
from clvl_bench.runs.runner import run

BACKBONE = "georsclip-vit-base-patch32"
EXPERIMENT = f"""version = 1
benchmarks = ["whu_rs19_published"]
strategies = ["zeroshot"]
backbones = ["{BACKBONE}"]
[sweep]
"adapter.template" = ["a satellite photo of a {{}}.", "a satellite image of a {{}}."]
"""
COPIES = """[dataset.whu_rs19_whole]
source = { kind = "backbone_features", path = "arrays", sha256 = { %s } }
"""


def write_target(folder, values) -> None:
    """A target of these numbers, by name of the strategy."""
    figures = [
        f"[[figures]]\nbenchmark = 'whu_rs19_published'\nstrategy = {json.dumps(name)}\n"
        f"backbone = '{BACKBONE}'\nmetric = 'last'\nvalue = {value}\n"
        for name, value in values.items()
    ]
    head = [
        "version = 1\npaper = 'p'\nfigure = 'f'\nsource = 's'\nexperiments = ['small.toml']",
        f"count = {len(values)}",
        "[tolerance]\npoints = 5e-5\nat_least = 2\nfurthest = 5e-5\nwhy = 'a printed digit'",
        "[cost]\ntime = 't'\nmemory = 'm'\nmachine = 'x'",
    ]
    (folder / "target.toml").write_text("\n".join([*head, *figures]))


def change_one_bit(file: Path) -> None:
    """Of one feature: by less than decides about any image."""
    arrays = dict(np.load(file))
    arrays["images"].view(np.uint8)[0, 0] ^= 1
    np.savez(file, **arrays)


def run_all() -> dict[str, float]:
    """The two numbers, as two finished runs in the folder of results have them."""
    values = {}
    for config in runs_of(load("experiment", "small.toml")):
        result = run(config, results=Path("results"), progress=False)
        (value,) = (
            each.value
            for each in result.records
            if (each.stream, each.metric, each.trained, each.experience)
            == ("test", "accuracy", 1, 0)
        )
        values[config.strategy] = round(100 * value, 4)
    return values


@pytest.fixture
def arrays(tmp_path, monkeypatch) -> Path:
    """The file of a model's features, in a folder where the experiment is."""
    monkeypatch.chdir(tmp_path)
    write_arrays(tmp_path / "arrays")
    (tmp_path / "datasets.toml").write_text(COPIES % "")
    (tmp_path / "small.toml").write_text(EXPERIMENT)
    return tmp_path / "arrays" / FILES[BACKBONE]


def test_the_verdict_of_one_command_and_its_exit_code(arrays, tmp_path):
    measured = run_all()
    write_target(tmp_path, measured)
    done = clvl_here("reproduce", "target.toml", "--write", "row.md", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "target: reproduced: 2 of 2 figures within 5e-05 points" in done.stdout
    assert "| target | p | reproduced | 2 of 2 within" in (tmp_path / "row.md").read_text()

    first = next(iter(measured))
    write_target(tmp_path, {**measured, first: round(measured[first] + 0.0001, 4)})
    done = clvl_here("reproduce", "target.toml", cwd=tmp_path)
    assert done.returncode == 1
    assert "target: not reproduced: 1 of 2" in done.stdout
    assert first in " ".join(done.stdout.split()), "says which of them"

    write_target(tmp_path, {**measured, "zeroshot": 50.0})
    done = clvl_here("reproduce", "target.toml", cwd=tmp_path)
    assert done.returncode == 2, "a figure that no run has can never be compared"

    (tmp_path / "datasets.toml").unlink()
    write_target(tmp_path, measured)
    done = clvl_here("reproduce", "target.toml", cwd=tmp_path)
    assert done.returncode == 3
    assert "incomplete" in done.stdout
    assert "[dataset.whu_rs19_whole]" in done.stdout, "says how one gets it"
    done = clvl_here("reproduce", "target.toml", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0
    assert "incomplete: 1 of what it reads is not on this machine" in done.stdout


def test_data_that_changed_since_the_runs_are_named_and_nothing_is_called_reproduced(
    arrays, tmp_path
):
    labels = np.load(arrays.parent / "labels.npy")
    published = sha256_of_arrays({**np.load(arrays), "labels": labels})
    (tmp_path / "datasets.toml").write_text(COPIES % f'"{BACKBONE}" = "{published}"')
    write_target(tmp_path, run_all())
    change_one_bit(arrays)
    done = clvl_here("reproduce", "target.toml", cwd=tmp_path)
    assert done.returncode == ExitCode.DAMAGE
    assert "its arrays are not the published ones" in done.stderr
    assert "reproduced" not in done.stdout


def test_the_published_numbers_from_one_changed_bit_are_not_reproduced(arrays, tmp_path):
    """No hash is compared when the arrays are read; what the runs record differs all the same."""
    measured = run_all()
    (weights,) = {each.origin.weights_sha256 for each in find_runs([tmp_path / "results"]).runs}
    shutil.rmtree(tmp_path / "results")
    change_one_bit(arrays)
    assert run_all() == measured, "the accuracies stay"
    write_target(tmp_path, measured)
    with (tmp_path / "target.toml").open("a") as target:
        target.write(f"[inputs.weights]\n{BACKBONE} = '{weights}'\n")
    done = clvl_here("reproduce", "target.toml", cwd=tmp_path)
    assert done.returncode == ExitCode.FAILED
    assert "not reproduced, from other inputs: 2 of 2 figures" in done.stdout

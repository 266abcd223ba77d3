"""Methods from outside: the page's own example as a file, a package, in a session; broken ones.

A method with a loss and parameters of its own is one file and one strategy file; nothing else is
edited.
"""

import importlib
import json
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from command import RUN
from conftest import ROOT

import clvl_bench as cb
from clvl_bench.audits.second_runs import SECOND_RUNS
from clvl_bench.audits.verdict import WHOLE
from clvl_bench.core.errors import Mistake
from clvl_bench.methods import outside, registry

PAGE = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
SCALE = next(
    block for block in re.findall(r"```python\n(.*?)```", PAGE, re.S) if "ScaleConfig" in block
)
STRATEGY = next(
    block for block in re.findall(r"```toml\n(.*?)```", PAGE, re.S) if "adapter" in block
)
EXPERIMENT = """version = 1
benchmarks = ["small.toml"]
strategies = ["scale.toml"]
seeds = [0, 1]
"""


@pytest.fixture
def folder(small: Path, painted, tmp_path: Path) -> Path:
    """A user's folder: a small benchmark, the method's file, its strategy file, an experiment."""
    painted(small)
    (tmp_path / "scale.py").write_text(SCALE)
    (tmp_path / "scale.toml").write_text(STRATEGY)
    (tmp_path / "grid.toml").write_text(EXPERIMENT)
    return tmp_path


@pytest.fixture
def forgotten():
    """A registry that forgets, behind the test, what was loaded from files."""
    yield
    outside._from_files.clear()
    outside._files.clear()


def run_of(folder: Path) -> dict:
    (result,) = folder.glob("results/runs/*/result.json")
    return json.loads(result.read_bytes())["provenance"]


def assert_one_line(done: subprocess.CompletedProcess, code: int = 2) -> str:
    assert done.returncode == code, done.stderr
    (line,) = done.stderr.splitlines()
    return line


def test_a_file_named_on_the_command_line_runs_and_its_hash_is_in_the_record(process, folder):
    arguments = (*RUN, "small.toml", "scale.toml", "--limit", 20)
    done = process.finished(*arguments, "--methods", "scale.py", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert run_of(folder)["methods"]["scale"]["source"] == "file scale.py"
    again = process.finished(*arguments, "--methods", "scale.py", cwd=folder)
    assert again.returncode == 0, "a finished run is read back"
    (folder / "scale.py").write_text(SCALE + "\n# changed\n")
    line = assert_one_line(process.finished(*arguments, "--methods", "scale.py", cwd=folder))
    assert "finished run with other methods" in line


def test_a_file_is_checked_and_listed_like_any_other(process, folder):
    done = process.finished("check", "scale.toml", "--methods", "scale.py", cwd=folder)
    assert done.stdout == "scale.toml: a valid strategy\n"
    assert "start" in process.finished("list", "scale", "--methods", "scale.py", cwd=folder).stdout
    line = assert_one_line(process.finished("check", "scale.toml", cwd=folder))
    assert "adapter.kind: got 'scale'" in line


@pytest.mark.slow
def test_a_grid_runs_it_in_its_workers_and_report_shows_it(process, folder):
    done = process.finished(
        "grid", "grid.toml", "--limit", 20, "--jobs", 2, "--methods", "scale.py", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    done = process.finished("report", "results", "--out", "table", "--no-plots", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "scale" in (folder / "table" / "summary.md").read_text()


@pytest.mark.slow
def test_killed_and_started_again_it_ends_with_the_same_numbers(process, folder):
    files = (folder / "small.toml", folder / "scale.toml")
    arguments = (*RUN, *files, "--limit", 60, "--methods", folder / "scale.py", "--results")
    slow = ("--set", "train.epochs=60")
    undisturbed = process.finished(*arguments, "whole", *slow, cwd=folder)
    assert undisturbed.returncode == 0, undisturbed.stderr
    killed = process.command(*arguments, folder / "results", *slow)
    while not list(folder.glob("results/runs/*/state/*")):
        assert not killed.ended(within=0.01), "it ended before that"
    killed.kill()
    assert killed.exit_code() == -signal.SIGKILL
    assert not list(folder.glob("results/runs/*/result.json"))
    done = process.finished(*arguments, "results", *slow, cwd=folder)
    assert done.returncode == 0, done.stderr
    same = process.finished("compare", "whole", "results", cwd=folder)
    assert same.returncode == 0, same.stdout


def installed_at(site: Path, module: str, entry: str) -> None:
    """A package as pip leaves it: a module and its metadata with an entry point."""
    site.mkdir(exist_ok=True)
    (site / "scale_method.py").write_text(module)
    info = site / "scale_method-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scale-method\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text(f"[clvl_bench.methods]\nscale = {entry}\n")


def with_site(site: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(site)}


def test_an_installed_package_runs_without_a_flag(process, folder, tmp_path):
    installed_at(tmp_path / "site", SCALE, "scale_method:ScaleConfig")
    done = process.finished(
        *(*RUN, "small.toml", "scale.toml", "--limit", 20),
        cwd=folder,
        **with_site(tmp_path / "site"),
    )
    assert done.returncode == 0, done.stderr
    assert run_of(folder)["methods"]["scale"]["source"] == "package scale-method 0.3"


def test_a_package_that_does_not_import_is_one_line_and_disturbs_nobody_else(
    process, folder, tmp_path
):
    installed_at(tmp_path / "site", "import nowhere_to_be_found\n", "scale_method:ScaleConfig")
    site = with_site(tmp_path / "site")
    line = assert_one_line(process.finished("check", "scale.toml", cwd=folder, **site))
    assert "scale-method 0.3" in line
    assert "nowhere_to_be_found" in line
    shutil.copy(ROOT / "experiments" / "strategies" / "linear.toml", folder)
    assert process.finished("check", "linear.toml", cwd=folder, **site).returncode == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("class Half(:\n", "SyntaxError"),
        ("raise RuntimeError('on import')\n", "RuntimeError: on import (line 1)"),
        ("x = 1\n", "defines no method"),
        (SCALE.replace('kind: str = "scale"', 'kind: str = "linear"'), "'linear' is taken"),
    ],
)
def test_a_broken_file_is_one_line(tmp_path, forgotten, content, said):
    file = tmp_path / "broken.py"
    file.write_text(content)
    with pytest.raises(Mistake, match=re.escape(said)) as mistake:
        registry.load_methods([file])
    assert len(str(mistake.value).splitlines()) == 1


LEAKS = """

import gc

from clvl_bench import Plugin, PluginConfig
from clvl_bench.streams.label_store import LabelStore


class LeakConfig(PluginConfig):
    kind: str = "leak"


class Leak(Plugin):
    def __init__(self, config, context) -> None:
        super().__init__()
        self.noted = []

    def after_training_iteration(self, strategy, **kwargs):
        LEAK
"""
LEAKY = {
    "labels of test samples": (
        "self.noted = [each for each in gc.get_objects() if type(each) is LabelStore]",
        "leaned_on_labels_to_come: strategy.",
    ),
    "samples that it does not count": (
        "self.noted += list(strategy.mb_x.clone())",
        "kept_uncounted: ",
    ),
    "an input of an experience to come": (
        "strategy._view.inputs(torch.tensor(strategy._view.plan.streams['train'][-1].ids[:1]))",
        "read_elsewhere: training on train 0 with 0 learned: read [",
    ),
    "a weight that it does not train": (
        "strategy.model.backbone.towers.vision_model.post_layernorm.bias.data += 1e-3",
        "moved_the_backbone: moved vision_model.post_layernorm.bias",
    ),
}
"""What a method does at each minibatch, and what the audit says of it."""


def test_an_audit_passes_an_honest_method_of_ones_own(process, folder):
    done = process.finished("audit", "scale.toml", "--methods", "scale.py", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    *verdicts, total = done.stdout.splitlines()
    assert len(verdicts) == len(WHOLE) + len(SECOND_RUNS)
    assert all(line.startswith("passed  ") for line in verdicts)
    assert total == "scale.toml on toy_landcover_seen: 0 audits failed"
    assert not (folder / "results").exists()


@pytest.mark.parametrize(("leak", "said"), LEAKY.values(), ids=LEAKY)
def test_an_audit_names_what_a_method_of_ones_own_leaks(process, folder, leak, said):
    (folder / "leaky.py").write_text(SCALE + LEAKS.replace("LEAK", leak))
    (folder / "leaky.toml").write_text(STRATEGY + '[[plugins]]\nkind = "leak"\n')
    done = process.finished(
        "audit", "leaky.toml", "small.toml", "--methods", "leaky.py", cwd=folder
    )
    assert done.returncode == 1, done.stdout + done.stderr
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert any(line.startswith(f"FAILED  {said}") for line in failed), done.stdout


def test_an_audit_names_scores_that_lean_on_the_batch(process, folder):
    leaning = SCALE.replace("inputs * self.factor", "(inputs - inputs.mean(dim=0)) * self.factor")
    (folder / "scale.py").write_text(leaning)
    done = process.finished("audit", "scale.toml", "--methods", "scale.py", cwd=folder)
    assert done.returncode == 1, done.stdout + done.stderr
    (failed,) = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert failed.startswith("FAILED  swayed_by_neighbours: evaluating test 0 with 3 learned: ")


def test_a_method_of_a_session_is_audited_in_the_session(folder, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    session = importlib.import_module("scale")
    strategy = cb.Strategy(adapter=session.ScaleConfig(), train={"lr": 1e-2})
    assert [finding for finding in cb.audit(strategy) if finding.found] == []


def test_a_method_of_a_session_runs_and_a_file_cannot_name_it(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    session = importlib.import_module("scale")
    strategy = cb.Strategy(adapter=session.ScaleConfig(), train={"lr": 1e-2, "epochs": 1})
    result = cb.run("small.toml", strategy, limit=20, progress=False)
    assert {record.strategy for record in result.records} == {"scale"}
    with pytest.raises(Mistake, match="class of this session"):
        cb.run_grid("grid.toml")

"""What a command says: first words before the wait, what it does by itself, and nothing that steers
a terminal or a spreadsheet.
"""

import io

import numpy as np
import pandas as pd
import pytest
from command import clvl_here

from clvl_bench.cli.preparing import say_what_has_no_order, say_what_is_laid_over
from clvl_bench.core.errors import printable, warn
from clvl_bench.report import writing
from clvl_bench.runs.experiment import ExperimentConfig
from clvl_bench.runs.files import run_config, runs_of

FEATURES = """version = 1
scenario = "class_incremental"
datasets = ["inspection"]
classes_per_experience = [1, 1]
label_space = "dataset"
valid_fraction = 0.0
[dataset.inspection]
classes = ["crack", "rust"]
[dataset.inspection.source]
kind = "features"
path = "features.npz"
splits = { train = [["x", "y"]], test = [["x2", "y2"]] }
backbone = "ours"
"""


def test_an_experience_that_cannot_be_tested_is_refused_before_training(tmp_path):
    arrays = {"x": np.eye(4), "y": np.array([0, 0, 1, 1]), "x2": np.eye(4), "y2": np.zeros(4, int)}
    np.savez(tmp_path / "features.npz", **arrays)
    (tmp_path / "b.toml").write_text(FEATURES)
    done = clvl_here("run", "b.toml", "ncm", cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("clvl-bench: inspection: experience ")
    assert "(inspection: rust) has no test image; give it some" in line
    assert list(tmp_path.glob("results/runs/*")) == []


def test_escape_characters_of_names_are_written_out(caplog):
    assert printable("a\x1b[31mb\r\x07\u202e c\n森林 é") == "a\\x1b[31mb\\r\\x07\\u202e c\n森林 é"
    warn("image \x1b]0;owned\x07.png: is damaged")
    assert caplog.messages == ["clvl-bench: image \\x1b]0;owned\\x07.png: is damaged"]


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-2+3", "@SUM(A1)", "\t=1"])
def test_no_name_in_a_table_becomes_a_formula(name):
    frame = pd.DataFrame({"strategy": [name, "plain", "a=b"], "last": [-0.5, 1.0, float("nan")]})
    read = pd.read_csv(io.BytesIO(writing._csv(frame)))
    assert read["strategy"].tolist() == [f"'{name}", "plain", "a=b"]
    assert read["last"].tolist()[:2] == [-0.5, 1.0]


def test_what_a_benchmark_does_by_itself_is_said_once_each(capsys):
    plain = run_config("toy_landcover", "zeroshot").benchmark_config
    laid = plain.model_copy(update={"valid_fraction": 0.0, "dataset": {"aid": None}})
    say_what_is_laid_over([plain, plain, laid])
    assert capsys.readouterr().out.splitlines() == [
        "Set aside 10 % of the training samples for validation (valid_fraction)",
        "Laid [dataset.aid] of the file over the suite's aid",
    ]


def test_a_grid_says_which_benchmarks_its_class_orders_pass_over(capsys):
    several = experiment(benchmarks=["toy_sensors", "toy_landcover"], class_orders=[0, 1])
    say_what_has_no_order(several, runs_of(several))
    assert capsys.readouterr().out == (
        "class_orders: pass over toy_sensors, whose classes do not arrive in groups\n"
    )
    plain = experiment(benchmarks=["toy_sensors"])
    say_what_has_no_order(plain, runs_of(plain))
    assert capsys.readouterr().out == ""


def experiment(**content):
    return ExperimentConfig.model_validate({"version": 1, "strategies": ["zeroshot"], **content})


GRID = """version = 1
benchmarks = ["toy_sensors"]
strategies = ["zeroshot"]
backbones = ["tiny", "tinny"]
"""


@pytest.mark.parametrize(
    "verb", [("run", "toy_landcover", "zeroshot", "--backbone", "tinny"), ("grid", "g.toml")]
)
def test_an_unknown_backbone_is_refused_before_a_folder_is_made(verb, tmp_path):
    (tmp_path / "g.toml").write_text(GRID)
    said = clvl_here(*verb, "--results", "r", cwd=tmp_path)
    assert said.returncode == 2
    assert said.stderr.startswith("clvl-bench: unknown backbone 'tinny': did you mean 'tiny'?")
    assert not (tmp_path / "r").exists()

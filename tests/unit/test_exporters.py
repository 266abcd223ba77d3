"""What trackers are handed is what the records say, once, and never changes a run."""

import logging
from pathlib import Path

import pandas as pd
import pytest
from command import RUN, clvl_here
from helpers.observers import Interrupted

from clvl_bench.audits.result_files import result_files
from clvl_bench.cli.grid_on_slurm import passed_on
from clvl_bench.exporters import exports, listing
from clvl_bench.exporters.base import Exporter
from clvl_bench.exporters.curves import point_of
from clvl_bench.exporters.exports import flat
from clvl_bench.records.rows import COLUMNS, Record
from clvl_bench.runs.files import run_config
from clvl_bench.runs.runner import run

RESULTS = Path(__file__).parents[2] / "results"
FOLDERS = sorted(file.parent for file in RESULTS.glob("*/records.parquet"))
CONFIG = run_config(
    "toy_landcover",
    "slda",
    limit=20,
    overrides=[
        "benchmark.classes_per_experience=[3, 3, 4]", 'benchmark.zeroshot=["toy_shapes"]'
    ],
)  # fmt: skip


class Recording(Exporter):
    """Notes what it is told; `fails` names the method that raises."""

    told: list = []
    fails = ""

    def begin(self, facts, run):
        return self._note("begin", run) or f"{facts.run}/1"

    def rows(self, points):
        self._note("rows", list(points))

    def end(self, end):
        self._note("end", end)

    def _note(self, what, value):
        self.told.append((what, value))
        if what == self.fails:
            raise ConnectionError("nobody answers\nat all")


@pytest.fixture
def told(monkeypatch):
    """What exporters of the name `wandb` are told."""
    monkeypatch.setattr(Recording, "told", [])
    monkeypatch.setattr(exports, "make_exporter", lambda name: Recording())
    return Recording.told


def handed(told):
    return [point for what, value in told if what == "rows" for point in value]


@pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])
def test_every_row_of_a_run_is_a_point_of_its_own(folder):
    rows = pd.read_parquet(folder / "records.parquet")
    # The run with the most kinds of rows; seeds and strategies beside it have the same.
    run_of_most = rows.groupby("run")["metric"].nunique().idxmax()
    mine = rows.loc[rows["run"] == run_of_most, list(COLUMNS)]
    points = [point_of(Record(*row)) for row in mine.itertuples(index=False)]
    assert len({(point.name, point.step) for point in points}) == len(mine)


def test_a_run_that_goes_on_hands_over_each_row_once(told, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(CONFIG, results=tmp_path, progress=False, log_to=["wandb"], observer=Interrupted(1))
    before = len(handed(told))
    assert told[0] == ("begin", None)
    assert told[-1] == ("end", "interrupted")
    result = run(CONFIG, results=tmp_path, progress=False, log_to=["wandb"])
    assert 0 < before < len(result.records)
    assert handed(told) == [point_of(record) for record in result.records]
    # The second part goes on with the run that the first one began.
    assert [value for what, value in told if what == "begin"] == [None, f"{CONFIG.id}/1"]
    assert told[-1] == ("end", "finished")
    # Curves live: one hand-over a kept state, of which there are one an experience, and row 0.
    assert sum(what == "rows" for what, _ in told) == 4
    run(CONFIG, results=tmp_path, progress=False, log_to=["wandb"])
    assert told[-1] == ("end", "finished")
    assert len(handed(told)) == len(result.records)


def test_a_finished_run_is_handed_over_whole_and_a_new_beginning_is_a_new_run(told, tmp_path):
    result = run(CONFIG, results=tmp_path, progress=False)
    assert told == []
    run(CONFIG, results=tmp_path, progress=False, log_to=["wandb"])
    assert handed(told) == [point_of(record) for record in result.records]
    told.clear()
    (result.folder / "result.json").unlink()
    again = run(CONFIG, results=tmp_path, progress=False, log_to=["wandb"])
    assert told[0] == ("begin", None)
    assert handed(told) == [point_of(record) for record in again.records]


def test_a_run_that_ended_behind_its_last_state_has_its_end_told(told, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(CONFIG, results=tmp_path, progress=False, log_to=["wandb"], observer=Interrupted(3))
    assert told[-1] == ("end", "interrupted")
    told.clear()
    for _ in range(2):
        run(CONFIG, results=tmp_path, progress=False, log_to=["wandb"])
    assert told == [("begin", f"{CONFIG.id}/1"), ("end", "finished")]


@pytest.mark.parametrize("method", ["begin", "rows", "end"])
def test_an_exporter_that_fails_says_so_once_and_changes_nothing(
    method, told, monkeypatch, tmp_path, caplog
):
    plain = run(CONFIG, results=tmp_path / "plain", progress=False)
    monkeypatch.setattr(Recording, "fails", method)
    with caplog.at_level(logging.WARNING, "clvl_bench"):
        result = run(CONFIG, results=tmp_path, progress=False, log_to=["wandb"])
    (line,) = [each.getMessage() for each in caplog.records if "--log-to" in each.getMessage()]
    assert line.startswith("clvl-bench: --log-to wandb: ConnectionError: nobody answers; the run")
    assert sum(what == method for what, _ in told) == 1
    assert result_files(result.folder) == result_files(plain.folder)


def test_a_tracker_that_is_unknown_or_not_installed_is_refused_before_anything_runs(
    tmp_path, monkeypatch
):
    run_it = (*RUN, "toy_landcover", "zeroshot", "--log-to")
    unknown = clvl_here(*run_it, "tensorbord", cwd=tmp_path)
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "did you mean 'tensorboard'?" in unknown.stderr
    monkeypatch.setattr(listing, "is_installed", lambda name: False)
    missing = clvl_here(*run_it, "mlflow", cwd=tmp_path)
    assert (missing.returncode, missing.stdout) == (3, "")
    assert missing.stderr == (
        "clvl-bench: --log-to mlflow: the package mlflow is not installed; "
        "run: pip install 'clvl_bench[mlflow]'\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_lanes_of_a_cluster_log_to_the_same_trackers():
    command = passed_on("mine.toml", 1, "auto", None, [], ["mlflow", "wandb"], Path("results"))
    assert command[-6:-2] == ["--log-to", "mlflow", "--log-to", "wandb"]


def test_no_folder_of_this_machine_is_among_the_settings(tmp_path):
    settings = flat(CONFIG.hashed())
    assert settings["strategy_config.adapter.kind"] == "slda"
    assert not [name for name, value in settings.items() if str(tmp_path.parent) in str(value)]

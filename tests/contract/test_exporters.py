"""Every tracker reads back, by its own reader, what it was handed: each value once, to the bit."""

import math
from urllib.parse import unquote

import pytest
from helpers.trackers import READERS

from clvl_bench.exporters.base import Facts
from clvl_bench.exporters.curves import point_of
from clvl_bench.exporters.exports import Exports
from clvl_bench.exporters.listing import EXPORTERS
from clvl_bench.records.rows import Record
from clvl_bench.records.run_folder import RunFolder

# What the packages of trackers warn of is theirs.
pytestmark = pytest.mark.filterwarnings("ignore")

SLOW = ("mlflow", "wandb")
"""A database of fifty tables is made; a process is started, twice."""
RUN = "toy-slda-tiny-s0-0123456789ab"
WHERE = ("toy", "seen", "slda", "tiny", 0, 0)
RECORDS = [
    *(Record(*WHERE, 0, "train", window, "", "prequential", window / 7, 9) for window in range(3)),
    Record(*WHERE, 1, "test", 0, "toy", "accuracy", 1 / 3, 9),
    Record(*WHERE, 1, "", -1, "", "kept_bytes", 123456789.0, 1),
    Record(*WHERE, 1, "train", -1, "HER2+ (ä)", "class_pseudo_coverage", 0.1, 9),
    # What belongs to an earlier step, of rows that are handed over later.
    *(Record(*WHERE, 1, "train", window, "", "prequential", window / 7, 9) for window in (3, 4)),
    Record(*WHERE, 2, "test", 0, "toy", "accuracy", math.pi / 4, 9),
]


def test_every_tracker_has_a_reader():
    assert set(READERS) == set(EXPORTERS)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in EXPORTERS],
)
def test_a_tracker_has_what_the_records_say(name, tmp_path, monkeypatch):
    pytest.importorskip(name, reason=f"{name} is not installed: pip install 'clvl_bench[{name}]'")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "WANDB_MODE"):
        monkeypatch.delenv(variable, raising=False)
    folder = RunFolder(tmp_path / "runs" / RUN)
    settings = {"seed": 0, "strategy_config.train.lr": 0.1, "long": "x" * 7000}
    facts = Facts(RUN, "toy", settings, folder.path, tmp_path)
    with Exports([name], facts, folder) as first:
        first.hand_over(RECORDS[:2])
        first.hand_over(RECORDS[:6])
    with Exports([name], facts, folder) as second:
        second.hand_over(RECORDS)
    found = READERS[name](folder.path, tmp_path)
    expected = [(point.name, point.step, point.value) for point in map(point_of, RECORDS)]
    if name == "mlflow":  # takes not all characters: others are written out
        found = [(unquote(curve.replace(":", "%")), *at) for curve, *at in found]
    assert sorted(found) == sorted(expected)

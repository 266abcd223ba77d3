"""Importing what a run uses, without what it does not: who asks for the rest still gets it."""

import subprocess
import sys

import pytest

from clvl_bench.core.stand_ins import standing_in

ASKED = """
import sys
from clvl_bench.runs.libraries import UNUSED, import_libraries
import_libraries()
assert not set(UNUSED) & set(sys.modules), set(UNUSED) & set(sys.modules)

import torch
from avalanche.evaluation.metrics import StreamConfusionMatrix, TopkAccuracy
from avalanche.evaluation.metric_results import AlternativeValues
from avalanche.evaluation.metrics.confusion_matrix import default_cm_image_creator
from avalanche.logging import TensorboardLogger

matrix = torch.tensor([[3, 1], [0, 2]])
image = default_cm_image_creator(matrix)
assert type(image).__name__ == "Figure", type(image)
metric = TopkAccuracy(1)
metric.update(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), torch.tensor([1, 1]), 0)
assert metric.result() == {0: 0.5}, metric.result()
logger = TensorboardLogger(sys.argv[1])
logger.log_single_metric("accuracy", 0.25, 1)
logger.close() if hasattr(logger, "close") else logger.writer.close()

from matplotlib.figure import Figure
assert isinstance(Figure(), Figure)
from scipy.stats import norm
assert abs(norm.cdf(0.0) - 0.5) < 1e-12
"""


def test_avalanches_own_metrics_and_loggers_work_behind_it(tmp_path):
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ASKED, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr[-2000:]
    assert list(tmp_path.glob("events*")), "Avalanche's logger has written what it was given"


def test_importing_the_package_stands_in_for_nothing():
    code = (
        "import sys; before = list(sys.meta_path); import clvl_bench; "
        "print(any('stand_ins' in type(each).__module__ for each in sys.meta_path))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"


def test_what_is_used_while_it_is_stood_in_for_is_named(tmp_path, monkeypatch):
    (tmp_path / "seldom.py").write_text("def double(number):\n    return 2 * number\n")
    monkeypatch.syspath_prepend(tmp_path)
    with standing_in(["seldom"]):
        import seldom

        with pytest.raises(TypeError, match=r"seldom\.double is used while it is stood in for"):
            seldom.double(21)
    assert seldom.double(21) == 42


def test_a_package_that_is_not_installed_is_not_stood_in_for():
    with standing_in(["no_such_package"]), pytest.raises(ModuleNotFoundError):
        import no_such_package  # noqa: F401

"""The time that is left, against runs whose costs are known."""

import io
import itertools
import time

import pytest

from clvl_bench.cli.grid_progress import GridProgress
from clvl_bench.core.ticker import signs_of_life
from clvl_bench.runs.files import run_config
from clvl_bench.runs.grid import Outcome
from clvl_bench.runs.tasks import Told
from clvl_bench.training.time_left import TimeLeft, Work

COSTS = {
    "as much each time": [(100, 100)] * 8,
    "all that was seen is evaluated": [(100, 50 * number) for number in range(1, 9)],
    "all that was seen is learned": [(100 * number, 100) for number in range(1, 9)],
    "evaluation is all": [(10, 1000 * number) for number in range(1, 9)],
    "experiences of all sizes": [(100, 10), (10, 20), (300, 30), (50, 40), (100, 50), (20, 60)],
}


@pytest.mark.parametrize("work", COSTS.values(), ids=COSTS)
@pytest.mark.parametrize("memory", [1.0, 2.0], ids=["alone", "with a memory from the second on"])
def test_from_the_second_experience_on_it_is_right_within_a_factor(work, memory):
    left = TimeLeft([Work(*each) for each in work])
    rates = [0.02] + [0.02 * memory] * (len(work) - 1)
    train = [samples * rate for (samples, _), rate in zip(work, rates, strict=True)]
    evaluate = [0.005 * samples for _, samples in work]
    assert left.seconds() is None
    for done in range(1, len(work) + 1):
        left.learned(done, train_seconds=train[done - 1], evaluate_seconds=evaluate[done - 1])
        if done >= 2:
            true = sum(train[done:]) + sum(evaluate[done:])
            assert true / 1.5 <= left.seconds() <= 1.5 * true + 1e-9
    assert left.seconds() == 0


def test_it_falls_while_an_experience_is_learned_and_never_below_what_comes_behind():
    left = TimeLeft([Work(10, 0)] * 3)
    left.learned(1, train_seconds=10, evaluate_seconds=0)
    assert [left.seconds(since) for since in (0, 4, 10, 50)] == [20, 16, 10, 10]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_of_a_grid_shows_runs_time_left_and_the_last_accuracy(monkeypatch):
    clock = itertools.count(0, 10)
    monkeypatch.setattr("clvl_bench.cli.grid_progress.time.monotonic", lambda: next(clock))
    terminal = Terminal()
    config = run_config("toy_landcover", "zeroshot")
    with GridProgress(4, stream=terminal) as bar:
        bar.told(config, Told("running", learned=1, experiences=2))
        bar.ended(Outcome(config, "done", accuracy=0.831))
        shown = bar._fields()
    assert shown["done"] == "1/4"
    assert shown["left"].startswith("about ")
    assert shown["last"] == "zeroshot 83.1 %"
    assert "1/4" in terminal.getvalue()


def test_away_from_a_terminal_a_grid_has_no_bar():
    stream = io.StringIO()
    config = run_config("toy_landcover", "zeroshot")
    with GridProgress(4, stream=stream) as bar:
        bar.ended(Outcome(config, "done", accuracy=0.831))
    assert stream.getvalue() == ""


def test_a_log_has_a_line_of_what_is_under_way_while_nothing_ends(monkeypatch):
    monkeypatch.setattr("clvl_bench.cli.grid_progress.signs_of_life", often)
    stream = io.StringIO()
    config = run_config("toy_landcover", "zeroshot")
    with GridProgress(4, stream=stream) as bar:
        bar.told(config, Told("running", learned=1, experiences=2))
        while not stream.getvalue():
            time.sleep(0.001)
    line = stream.getvalue().splitlines()[0]
    assert line.startswith("0/4 runs ended; under way: zeroshot seed 0 1/2; about ")


def often(line, *, stream):
    return signs_of_life(line, stream=stream, every=0.01)

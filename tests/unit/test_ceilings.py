"""What of joint training's gain a strategy makes: by hand, and what counts as a ceiling."""

import math

import pytest

from clvl_bench.metrics.online import recovered as share
from clvl_bench.records.rows import Record
from clvl_bench.report.ceilings import shown
from clvl_bench.report.runs import Origin, Run
from clvl_bench.report.summary import summary
from clvl_bench.report.tables import short_table

BENCHMARK = {"benchmark": "b", "label_space": "dataset", "backbone": "tiny"}


def run(
    strategy: str,
    adapter: str,
    zeroshot: float,
    last: float,
    *,
    seed: int = 0,
    data: str = "experience",
) -> Run:
    """A run over one experience whose accuracy goes from `zeroshot` to `last`."""
    where = {**BENCHMARK, "strategy": strategy, "seed": seed, "class_order": 0}
    rows = tuple(
        Record(
            **where,
            trained=trained,
            stream="test",
            experience=0,
            dataset="d",
            metric="accuracy",
            value=value,
            n=100,
        )
        for trained, value in enumerate((zeroshot, last))
    )
    return Run(
        Origin(f"{strategy}{seed}", **where, state="done", adapter_sha256=adapter, train_data=data),
        rows,
    )


def test_the_share_is_of_the_gain_over_zeroshot_of_the_same_adapter():
    runs = [
        run("prompt_replay", "p", 0.4, 0.55),
        run("prompt[train.data=joint]", "p", 0.4, 0.70, data="joint"),
        run("lora", "l", 0.4, 0.8),
    ]
    frame = summary(runs).set_index("strategy")
    assert frame.loc["prompt_replay", "of_joint"] == pytest.approx(0.5)
    assert frame.loc["prompt_replay", "joint"] == pytest.approx(0.7)
    assert math.isnan(frame.loc["lora", "of_joint"])


def test_a_joint_strategy_with_a_row_of_its_own_counts_and_the_best_is_the_ceiling():
    runs = [
        run("prompt", "p", 0.4, 0.5),
        run("prompt[train.data=joint]", "p", 0.4, 0.6, data="joint"),
        run("prompt_joint", "p", 0.4, 0.8, data="joint"),
    ]
    frame = summary(runs).set_index("strategy")
    assert list(frame.index) == ["prompt", "prompt_joint"]
    assert frame.loc["prompt", "of_joint"] == pytest.approx(0.25)
    assert frame.loc["prompt_joint", "of_joint"] == pytest.approx(1.0)


def test_twins_measure_others_and_have_no_row():
    runs = [
        run("prompt", "p", 0.4, 0.5),
        run("prompt[train.data=joint]", "p", 0.4, 0.6, data="joint"),
    ]
    assert [each.origin.strategy for each in shown(runs)] == ["prompt"]
    assert shown(runs[1:]) == runs[1:], "alone they are what was asked for"
    titles, rows = short_table(summary(runs))
    assert titles[3] == "Of joint"
    assert [row[3] for row in rows] == ["50 % of 60.0"]


def test_less_than_half_is_marked():
    runs = [run("prompt", "p", 0.4, 0.49), run("prompt_joint", "p", 0.4, 0.6, data="joint")]
    _, rows = short_table(summary(runs))
    assert rows[0][3] == "45 % of 60.0 !"


def test_a_table_without_joint_training_has_no_such_column():
    titles, _ = short_table(summary([run("prompt", "p", 0.4, 0.5)]))
    assert "Of joint" not in titles


def test_nothing_is_a_share_of_no_gain():
    assert math.isnan(share(0.5, 0.4, 0.4))
    assert math.isnan(share(0.5, 0.4, 0.3))

"""What a report says of streams: regret against the twin that is told everything, pseudo-labels
class by class.
"""

import math
from dataclasses import replace

import numpy as np
import pytest

from clvl_bench.records.rows import Record
from clvl_bench.report import stream_plots, supervision_plots
from clvl_bench.report.figures import PlottedTable
from clvl_bench.report.pseudo_labels import pseudo_frame
from clvl_bench.report.runs import Origin, Run
from clvl_bench.report.streams import lines
from clvl_bench.report.supervision import regret_over_time, supervision_frame


def run_of(kind, strategy, seed, *, windows, more=()):
    """A run whose windows of ten samples had these shares right."""
    benchmark = f"b[supervision.kind={kind}]"
    told = {
        "benchmark": benchmark,
        "label_space": "dataset",
        "strategy": strategy,
        "backbone": "tiny",
        "seed": seed,
    }
    blank = Record(
        class_order=0,
        trained=1,
        stream="train",
        experience=-1,
        dataset="",
        metric="",
        value=0.0,
        n=10,
        **told,
    )
    rows = [
        replace(blank, metric=metric, experience=place, value=value)
        for metric in (["prequential", "reward"] if kind == "reward" else ["prequential"])
        for place, value in enumerate(windows)
    ]
    facts = [
        replace(blank, metric=metric, value=value)
        for metric, value in (("mean_delay", 0.0), ("labelled_share", 1.0))
    ]
    tested = replace(blank, stream="test", experience=0, metric="accuracy", value=0.5)
    start = replace(tested, trained=0)
    classes = [
        replace(blank, metric=metric, dataset=name, value=value, n=n)
        for metric, name, value, n in more
    ]
    values = dict.fromkeys(Origin.__dataclass_fields__, "") | told
    origin = Origin(**values | {"class_order": 0, "state": "done"})
    return Run(origin, [start, tested, *rows, *facts, *classes])


def test_regret_is_what_the_twin_had_right_and_this_run_had_not_summed_over_time():
    runs = [
        run_of("full", "one", 0, windows=[0.5, 0.9, 1.0]),
        run_of("reward", "one", 0, windows=[0.4, 0.6, 1.0]),
        run_of("full", "one", 1, windows=[1.0, 1.0, 1.0]),
        run_of("reward", "one", 1, windows=[1.0, 1.0, 0.5]),
        run_of("reward", "alone", 0, windows=[0.1, 0.1, 0.1]),
    ]
    found = regret_over_time(runs)
    assert list(found) == [("b[supervision.kind=reward]", "dataset", "tiny")]
    (strategies,) = found.values()
    assert list(strategies) == ["one"], "without a twin there is no regret"
    assert [line.tolist() for line in strategies["one"]] == [
        pytest.approx([1, 4, 4]),
        pytest.approx([0, 0, 5]),
    ]
    assert list(dict(supervision_plots.regret_pictures(found))) == [
        "b_supervision.kind_reward__regret"
    ]


def test_pseudo_labels_of_several_runs_count_by_their_samples():
    precise, covered = "class_pseudo_precision", "class_pseudo_coverage"
    runs = [
        run_of(
            "full",
            "one",
            0,
            windows=[],
            more=[(precise, "lake", 1.0, 10), (covered, "lake", 0.5, 4)],
        ),
        run_of(
            "full",
            "one",
            1,
            windows=[],
            more=[(precise, "lake", 0.0, 30), (covered, "sea", 0.0, 8)],
        ),
    ]
    frame = pseudo_frame(runs).set_index("class")
    assert frame.loc["lake", "precision"] == pytest.approx(10 / 40)
    assert frame.loc["lake", ["coverage", "coverage_n"]].tolist() == [0.5, 4]
    assert math.isnan(frame.loc["sea", "precision"]), "nothing was said of it"
    assert frame.loc["sea", "coverage"] == 0.0
    assert list(dict(supervision_plots.pseudo_label_pictures(frame.reset_index()))) == [
        "b_supervision.kind_full__pseudo_labels"
    ]
    assert pseudo_frame([run_of("full", "one", 0, windows=[])]).empty


def test_accuracy_against_bytes_takes_the_most_that_was_kept():
    kept = [
        Record("b", "dataset", "one", "tiny", 0, 0, 1, "train", place, "", name, value, 10)
        for place, value, name in (
            (0, 2048.0, "kept_bytes_at"),
            (1, 4096.0, "kept_bytes_at"),
            (2, 1024.0, "kept_bytes_at"),
            (0, 0.5, "prequential"),
            (1, 1.0, "prequential"),
            (2, 0.0, "prequential"),
        )
    ]
    figure = stream_plots.accuracy_against_bytes(
        PlottedTable(("b", "dataset", "tiny"), {"one": []}, {"one": [lines(kept)]})
    )
    (point,) = figure.axes[0].lines
    assert (point.get_xdata()[0], point.get_ydata()[0]) == (4.0, 50.0)


@pytest.mark.parametrize("more", [1, 3])
def test_streams_of_other_lengths_are_drawn_as_far_as_all_of_them_go(more):
    runs = [
        run_of("reward", "one", seed, windows=windows)
        for seed, windows in enumerate([[0.2, 0.4], [0.4, 0.8] + [1.0] * more])
    ]
    streams = [lines(run.records) for run in runs]
    table = ("b", "dataset", "tiny")
    figure = stream_plots.prequential(PlottedTable(table, {"one": []}, {"one": streams}))
    (line,) = figure.axes[0].lines
    assert line.get_ydata() == pytest.approx([30.0, 60.0])
    regrets = [np.array([1.0, 2.0]), np.array([3.0, 6.0] + [9.0] * more)]
    ((_, figure),) = supervision_plots.regret_pictures({table: {"one": regrets}})
    assert figure.axes[0].lines[0].get_ydata() == pytest.approx([2.0, 4.0])


def test_what_is_won_back_is_measured_by_the_naive_learner_with_the_same_settings():
    shares = {
        "naive[lr=1]": (0.8, 0.4),
        "other[lr=1]": (0.9, 0.7),
        "zeroshot[lr=1]": (0.3, 0.3),
        "naive": (0.1, 0.1),
    }
    runs = [
        run_of(kind, strategy, 0, windows=[share], more=())
        for strategy, (at_once, late) in shares.items()
        for kind, share in (("full", at_once), ("reward", late))
    ]
    frame = supervision_frame(runs).set_index(["strategy", "rewarding"])
    assert frame.loc[("other[lr=1]", True), "recovered"] == pytest.approx((0.7 - 0.4) / (0.8 - 0.4))
    assert frame.loc[("other[lr=1]", True), "gain"] == pytest.approx((0.7 - 0.3) / (0.9 - 0.3))


@pytest.mark.parametrize("second", [False, True])
def test_it_is_measured_by_the_only_naive_learner_where_each_has_settings_of_its_own(second):
    shares = {"naive[lr=1]": (0.8, 0.4), "other[lr=2]": (0.9, 0.7), "zeroshot": (0.3, 0.3)}
    if second:  # which of two is meant is not known
        shares["naive[lr=3]"] = (0.7, 0.1)
    runs = [
        run_of(kind, strategy, 0, windows=[share], more=())
        for strategy, (at_once, late) in shares.items()
        for kind, share in (("full", at_once), ("reward", late))
    ]
    found = supervision_frame(runs).set_index(["strategy", "rewarding"]).loc["other[lr=2]", True]
    assert found["gain"] == pytest.approx((0.7 - 0.3) / (0.9 - 0.3))
    assert found["recovered"] == pytest.approx(
        math.nan if second else (0.7 - 0.4) / (0.8 - 0.4), nan_ok=True
    )

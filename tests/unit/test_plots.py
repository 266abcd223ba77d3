"""Plots have room for names, however long they are."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.text import Text

from clvl_bench.metrics.continual import seen_accuracy
from clvl_bench.report.curve_plots import curves
from clvl_bench.report.design import RunAt
from clvl_bench.report.figures import (
    PlottedTable,
    drawn,
    legend,
    new_axes,
    percent_label,
    stacked,
)
from clvl_bench.report.matrices import Matrices
from clvl_bench.report.matrix_plots import matrix
from clvl_bench.report.point_plots import Point, draw_points
from clvl_bench.report.series import over_runs
from clvl_bench.report.summary import over_runs as over_runs_of_tables

SWEPT = (
    "zscl[plugins.distillation.weight=0,plugins.weight_l2.weight=0,plugins.weight_average.every=10]"
)


@pytest.mark.parametrize(
    "names", [["prompt"], [SWEPT, "zscl"], [f"strategy_{number}" for number in range(40)]]
)
def test_a_legend_beside_a_plot_takes_nothing_of_its_width(names):
    figure, axes = new_axes("t", "below")
    for name in names:
        axes.plot([0, 1], label=name)
    legend(axes)
    figure.canvas.draw()
    wide, beside = (
        axes.get_window_extent().width / figure.dpi,
        axes.get_legend().get_window_extent().x1,
    )
    plt.close(figure)
    assert wide > 3, "inches that are left to the plot"
    assert beside <= figure.bbox.x1


def test_a_matrix_of_a_swept_strategy_has_room_for_its_name():
    cells = Matrices(np.full((3, 2), 0.5), np.empty((3, 0)), np.array([10, 10]), ("d", "d"), ())
    figure = matrix(PlottedTable(("b", "dataset", "tiny"), {SWEPT: [cells]}), SWEPT, [cells])
    figure.canvas.draw()
    title = figure.axes[0]._left_title.get_window_extent()
    plt.close(figure)
    assert title.width > 0
    assert title.x0 >= 0
    assert title.x1 <= figure.bbox.x1


def test_joint_training_is_a_level_line_beside_curves_and_a_point_among_its_like():
    joint, learned = np.full((3, 2), np.nan), np.full((3, 2), 0.5)
    joint[2] = 0.9
    of = {
        name: [Matrices(cells, np.empty((3, 0)), np.array([10, 10]), ("d", "d"), ())]
        for name, cells in (("joint", joint), ("naive", learned))
    }
    drawn = {}
    for shown in (("joint", "naive"), ("joint",)):
        figure = curves(
            PlottedTable(
                ("b", "dataset", "tiny"),
                {name: of[name] for name in shown},
                at_once=frozenset({"joint"}),
            ),
            seen_accuracy,
            "t",
            (0, 100),
        )
        drawn[shown] = list(figure.axes[0].get_lines()[0].get_xdata())
        plt.close(figure)
    assert drawn == {("joint", "naive"): [0, 1], ("joint",): [2]}, (
        "across the whole width, or where it was measured"
    )


def test_every_override_has_a_line_of_its_own_above_a_panel():
    assert stacked("prompt_replay") == "prompt_replay"
    assert stacked(SWEPT).split("\n") == [
        "zscl",
        "distillation.weight=0",
        "weight_l2.weight=0",
        "weight_average.every=10",
    ]


TABLE = ("b", "dataset", "tiny")
NOTHING_HELD_OUT = np.empty((4, 0))


def learned(value, *, undefined_until=0):
    """Three experiences; NaN in the rows before one."""
    cells = np.full((4, 3), float(value))
    cells[:undefined_until] = np.nan
    return Matrices(cells, NOTHING_HELD_OUT, np.array([10, 10, 10]), ("d",) * 3, ())


def drawn_curves(runs, **more):
    figure = curves(PlottedTable(TABLE, runs, **more), seen_accuracy, "t", (0, 100))
    figure.canvas.draw()
    return figure


def test_what_is_undefined_until_the_end_is_a_point_and_no_level_line():
    runs = {f"s{number}": [learned(0.1 * number)] for number in range(1, 7)}
    runs["late"] = [learned(0.9, undefined_until=3)]
    figure = drawn_curves(runs)
    late = figure.axes[6]
    assert list(late.lines[-1].get_xdata()) == [3]
    assert [text.get_text() for text in late.texts] == ["undefined before"]
    plt.close(figure)


def test_every_column_of_small_multiples_has_ticks_below_its_lowest_panel():
    figure = drawn_curves({f"s{number}": [learned(0.1 * number)] for number in range(8)})
    shown = [axes for axes in figure.axes if axes.get_visible()]
    labelled = [axes.xaxis.get_tick_params()["labelbottom"] for axes in shown]
    plt.close(figure)
    # Eight panels in rows of six: the last two are below the first two.
    assert labelled == [False, False, True, True, True, True, True, True]


def test_bands_stay_within_what_an_accuracy_can_be_and_the_picture_says_what_they_are():
    figure = drawn_curves(
        {"one": [learned(1.0), learned(0.9)], "two": [learned(0.0), learned(0.2)]}
    )
    (axes,) = figure.axes
    heights = [band.get_paths()[0].vertices[:, 1] for band in axes.collections]
    below = figure._supxlabel.get_text()
    plt.close(figure)
    assert max(map(np.max, heights)) == 100
    assert min(map(np.min, heights)) == 0
    assert "one standard deviation of a run" in below


def test_lines_on_one_spot_are_drawn_in_layers():
    figure = drawn_curves(
        {"first": [learned(0.5)], "second": [learned(0.5)], "other": [learned(0.7)]}
    )
    widths = [line.get_linewidth() for line in figure.axes[0].lines]
    plt.close(figure)
    assert widths[0] > widths[1] == widths[2]


def test_an_axis_that_shows_a_part_of_its_range_says_so():
    assert percent_label("percent", 34.0) == "percent (axis does not begin at 0)"
    assert percent_label("percent", -2.0) == "percent"


def test_a_series_has_the_mean_and_the_spread_of_the_tables():
    places = [RunAt(order, seed) for order in range(3) for seed in range(3)]
    values = np.random.default_rng(0).random(9)
    mean, std = over_runs(values[:, np.newaxis], places)
    cell = over_runs_of_tables(values.tolist(), places)
    assert (mean[0], std[0]) == pytest.approx((cell.mean, cell.std))


def test_names_of_the_front_cover_neither_points_nor_each_other():
    figure, axes = new_axes("t", "below")
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    points = [
        Point(f"a_rather_long_name_{number}", (90.0 + number, 60.0 - number), (1.0, 1.0))
        for number in range(6)
    ]
    draw_points(axes, [*points, Point("beaten", (10.0, 10.0), (0.0, 0.0))], (1, 1))
    boxes = []
    for label in axes.texts:
        label.get_window_extent()
        boxes.append(Text.get_window_extent(label))
    named = [text.get_text() for text in axes.texts]
    plt.close(figure)
    assert set(named) == {"beaten", *(point.name for point in points)}
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert all(box.x1 <= figure.bbox.x1 for box in boxes)


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_equal_data_give_equal_bytes_in_every_format(suffix):
    one, other = (
        drawn(
            curves(PlottedTable(TABLE, {"one": [learned(0.5)]}), seen_accuracy, "t", (0, 100)),
            [suffix],
        )
        for _ in range(2)
    )
    assert one == other
    assert one[suffix]


def test_undefined_cells_of_a_matrix_are_marked_and_columns_say_what_they_are_of():
    cells = learned(0.5, undefined_until=2)
    table = PlottedTable(TABLE, {"s": [cells]}, experience_names=("lake, sea", "fen", "bog"))
    figure = matrix(table, "s", [cells])
    axes = figure.axes[0]
    texts = [text.get_text() for text in axes.texts]
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    plt.close(figure)
    assert texts.count("–") == 6
    assert ticks == ["1 lake, sea", "2 fen", "3 bog"]


def test_a_stream_of_one_experience_has_neither_curves_nor_matrices():
    one = Matrices(np.array([[0.4], [0.9]]), np.empty((2, 0)), np.array([10]), ("d",), ())
    table = PlottedTable(TABLE, {"s": [one]})
    assert matrix(table, "s", [one]) is None
    assert curves(table, seen_accuracy, "t", (0, 100)) is None

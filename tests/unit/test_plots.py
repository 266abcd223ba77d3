"""Plots have room for names, however long they are."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from clvl_bench.metrics.continual import seen_accuracy
from clvl_bench.report.curve_plots import curves
from clvl_bench.report.figures import PlottedTable, legend, new_axes, stacked
from clvl_bench.report.matrices import Matrices
from clvl_bench.report.matrix_plots import matrix

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
            PlottedTable(("b", "dataset", "tiny"), {name: of[name] for name in shown}),
            seen_accuracy,
            "t",
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

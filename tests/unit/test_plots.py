"""Plots have room for names, however long they are."""

import pytest
from matplotlib import pyplot as plt

from clvl_bench.report.plots import bare_axes, legend, stacked

SWEPT = "zscl[plugins.distillation.weight=0,plugins.weight_l2.weight=0,plugins.weight_average.every=10]"


@pytest.mark.parametrize("names", [["prompt"], [SWEPT, "zscl"], [f"strategy_{number}" for number in range(40)]])
def test_a_legend_beside_a_plot_takes_nothing_of_its_width(names):
    figure, axes = bare_axes("t")
    for name in names:
        axes.plot([0, 1], label=name)
    legend(axes)
    figure.canvas.draw()
    wide, beside = axes.get_window_extent().width / figure.dpi, axes.get_legend().get_window_extent().x1
    plt.close(figure)
    assert wide > 3, "inches that are left to the plot"
    assert beside <= figure.bbox.x1


def test_every_override_has_a_line_of_its_own_above_a_panel():
    assert stacked("prompt_replay") == "prompt_replay"
    assert stacked(SWEPT).split("\n") == ["zscl", "distillation.weight=0", "weight_l2.weight=0", "weight_average.every=10"]

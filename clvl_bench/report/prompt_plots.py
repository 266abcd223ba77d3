"""Plots of prompts: every prompt a point, for each backbone and strategy."""

from itertools import product

import pandas as pd
from matplotlib.figure import Figure

from clvl_bench.core.rng import rng
from clvl_bench.report.figures import Pictures, colour, file_name, legend, mark, new_axes

WIDTH = 0.3
"""Of the cloud of a strategy's prompts, in units of the distance between two backbones."""


def prompt_pictures(prompts: pd.DataFrame, spread: pd.DataFrame) -> Pictures:
    """A picture for each benchmark and label space that was run in several prompts."""
    for (benchmark, label_space), part in prompts.groupby(["benchmark", "label_space"]):
        here = (spread["benchmark"] == benchmark) & (spread["label_space"] == label_space)
        name = file_name(f"{benchmark}-{label_space}")
        yield f"{name}_prompts", _picture(part, spread[here & (spread["over"] == "prompts")])


def _picture(prompts: pd.DataFrame, spread: pd.DataFrame) -> Figure:
    benchmark, label_space = prompts[["benchmark", "label_space"]].iloc[0]
    number = prompts["template"].nunique()
    below = f"{benchmark}, label space {label_space}; {number} prompts, a dot each"
    figure, axes = new_axes("What the wording of a prompt decides", below)
    # Backbones from the left by what zero-shot, or whoever comes first, reaches.
    strategies = sorted(prompts["strategy"].unique(), reverse=True)
    first = spread[spread["strategy"] == strategies[0]].sort_values("mean")
    backbones = list(dict.fromkeys([*first["backbone"], *spread["backbone"]]))
    for (place, backbone), (row, strategy) in product(enumerate(backbones), enumerate(strategies)):
        is_it = (prompts["backbone"] == backbone) & (prompts["strategy"] == strategy)
        values = 100 * prompts.loc[is_it, "last"].to_numpy()
        centre = place + (row - (len(strategies) - 1) / 2) * (WIDTH + 0.1)
        aside = WIDTH * (rng("plot", backbone, strategy).random(len(values)) - 0.5)
        axes.scatter(centre + aside, values, s=9, alpha=0.45, color=colour(row), linewidths=0)
        told = spread[(spread["backbone"] == backbone) & (spread["strategy"] == strategy)]
        if len(told):
            label = f"{strategy}, mean prompt" if place == 0 else None
            axes.scatter(
                [centre], told["mean_prompt"], s=55, color=colour(row), marker=mark(row),
                edgecolors="black", label=label,
            )  # fmt: skip
    axes.set_xticks(range(len(backbones)), [name.replace("-vit-", "\nViT-") for name in backbones])
    axes.set_ylabel("accuracy, percent")
    legend(axes)
    return figure

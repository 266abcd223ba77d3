"""Prompts: how much the wording of a prompt decides, beside how much the stream does.

A strategy that was run in several templates is a sweep over `adapter.template`, one run each:
`zeroshot[adapter.template=a photo of a {}.]`. The spread of its accuracies is what an unlucky
choice of words costs. Beside it stand strategies of the same backbone that were run on several
class orders: the spread that a table shows behind its ±.
"""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from clvl_bench.metrics.continual import last
from clvl_bench.report.matrices import of_records
from clvl_bench.report.order import by_values
from clvl_bench.report.runs import Run

TEMPLATE = re.compile(r"adapter\.template=(?P<template>.*\{\}[^,\]]*)")
KEYS = ["benchmark", "label_space", "backbone", "strategy"]
FEW = 3
"""Prompts, or class orders, of which a spread says something."""


def prompt_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a run in a template of its own: table, `strategy` without the template, `template`,
    `last`.
    """
    rows = []
    for run in runs:
        found = TEMPLATE.search(run.origin.strategy)
        if found is None or not run.records:
            continue
        where = (*run.origin.table, base_name(run.origin.strategy))
        rows.append((*where, found["template"], last(of_records(run.records))))
    return pd.DataFrame(rows, columns=[*KEYS, "template", "last"])


def base_name(strategy: str) -> str:
    """The strategy without its template: `transclip[adapter.text=1]` of one with both."""
    rest = TEMPLATE.sub("", strategy).replace("[,", "[").replace(",]", "]")
    return rest.replace(",,", ",").removesuffix("[]")


def spread_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a strategy and what it was spread over, prompts or streams: how many, and mean,
    standard deviation, lowest, highest, range in percent; for prompts which were the lowest and the
    highest, and what their mean (the strategy without a template) reaches.

    Empty where nothing was run in several templates.
    """
    prompts = prompt_frame(runs)
    if prompts.empty:
        return pd.DataFrame()
    of_mean: dict[tuple[str, ...], float] = {}
    streams: dict[tuple[str, ...], dict[int, list[float]]] = {}
    for run in runs:
        if not run.records or TEMPLATE.search(run.origin.strategy):
            continue
        key = (*run.origin.table, run.origin.strategy)
        value = last(of_records(run.records))
        of_mean[key] = value
        streams.setdefault(key, {}).setdefault(run.origin.class_order, []).append(value)
    rows = []
    for where, part in prompts.groupby(KEYS):
        if len(part) >= FEW:
            base = tuple(str(name) for name in where)
            ordered = part.sort_values("last")
            row = _row(base, "prompts", part["last"].to_numpy())
            row |= {"mean_prompt": 100 * of_mean.get(base, np.nan)}
            row |= {"lowest_prompt": ordered["template"].iloc[0]}
            rows.append(row | {"highest_prompt": ordered["template"].iloc[-1]})
    for stream, orders in streams.items():
        if len(orders) >= FEW:
            means = np.array([np.mean(of_order) for of_order in orders.values()])
            rows.append(_row(stream, "streams", means))
    frame = pd.DataFrame(rows)
    return frame.sort_values(["backbone", "over", *KEYS], key=by_values, ignore_index=True)


def _row(key: Sequence[str], over: str, values: np.ndarray) -> dict[str, object]:
    percent = 100 * values
    return {
        **dict(zip(KEYS, key, strict=True)),
        "over": over,
        "n": len(percent),
        "mean": percent.mean(),
        "std": percent.std(ddof=1),
        "lowest": percent.min(),
        "highest": percent.max(),
        "range": percent.max() - percent.min(),
    }


def prompts_markdown(frame: pd.DataFrame) -> str:
    """The same for people."""
    names = ["backbone", "benchmark", "strategy", "over"]
    numbers = ["mean ± deviation", "lowest", "highest", "range", "mean prompt"]
    rule = "|" + " --- |" * len(names) + " ---: |" * len(numbers)
    lines = [f"| {' | '.join([*names, *numbers])} |", rule]
    for row in frame.to_dict("records"):
        of_mean = row["mean_prompt"]
        cells = (
            row["backbone"],
            row["benchmark"],
            row["strategy"],
            f"{row['n']} {row['over']}",
            f"{row['mean']:.1f} ± {row['std']:.1f}",
            f"{row['lowest']:.1f}",
            f"{row['highest']:.1f}",
            f"{row['range']:.1f}",
            "–" if np.isnan(of_mean) else f"{of_mean:.1f}",
        )
        lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return "\n".join([*lines, "", NOTE])


NOTE = """Accuracy at the end in percent; deviation and range are of single prompts, or of single
class orders. Mean prompt is the strategy with the mean of all prompts' text features.
"""

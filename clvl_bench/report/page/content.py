"""Content: what a page says, as plain values for its JSON: numbers rounded, the undefined null."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from clvl_bench.metrics.continual import METRICS
from clvl_bench.metrics.online import STREAM
from clvl_bench.report.best import Best, best_of, references
from clvl_bench.report.design import RunAt
from clvl_bench.report.figures import PlottedTable, plotted_tables
from clvl_bench.report.further import LAST
from clvl_bench.report.names import Names, names_of
from clvl_bench.report.page.class_counts import CLASS_METRICS, ClassCounts, class_counts
from clvl_bench.report.page.failures import failures
from clvl_bench.report.page.metric_texts import COST_METRICS, EXPLAINED, UNITS
from clvl_bench.report.page.strategies import Content, rounded, strategy_content
from clvl_bench.report.pareto import front
from clvl_bench.report.report_data import ReportData
from clvl_bench.report.runs import Run, Table
from clvl_bench.report.summary import over_runs
from clvl_bench.report.tables import compact, told_apart
from clvl_bench.streams.class_plan import positive_classes


def page_content(data: ReportData) -> Content:
    """Everything that the page shows: a list of tables, which share no number."""
    by_table: dict[Table, list[Run]] = {}
    for run in data.shown_runs:
        by_table.setdefault(run.origin.table, []).append(run)
    plotted = {each.table: each for each in plotted_tables(data.shown_runs)}
    tables = [
        _table(data, table, runs, plotted[table])
        for table, runs in by_table.items()
        if table in plotted
    ]
    return {"tables": tables, "sort": data.sort or "last"}


def _table(data: ReportData, table: Table, runs: Sequence[Run], plotted: PlottedTable) -> Content:
    benchmark, label_space, backbone = table
    found = next((known for run in runs if (known := data.configuration(run))), None)
    orders = sorted({run.origin.class_order for run in runs})
    results = [run.result for run in runs if run.result is not None]
    names = names_of(found, orders, results)
    frame = data.summary
    rows = frame[
        (frame["benchmark"] == benchmark)
        & (frame["label_space"] == label_space)
        & (frame["backbone"] == backbone)
    ]
    counts = _counts(runs, names, () if found is None else positive_classes(found.stream))
    best = {**data.best.get(table, {}), **_best_of_classes(counts, references(runs).get(table))}
    metrics = _metrics(rows, counts)
    compared = data.compared.get(table)
    letters = {} if compared is None else compared.letters
    strategies = []
    for _, row in rows.iterrows():
        name = row["strategy"]
        mine = [run for run in runs if run.origin.strategy == name]
        values = _values(row, metrics, counts.get(name))
        told_of = strategy_content(data, row, mine, plotted, counts.get(name))
        marks = _marks(name, best, metrics)
        alike = compact(letters.get(name, ""))
        strategies.append({**told_of, "values": values, "marks": marks, "alike": alike})
    stream = None if found is None else found.shown["benchmark_config"]
    return {
        "benchmark": benchmark,
        "label_space": label_space,
        "backbone": backbone,
        "note": data.toy_notes.get(table, ""),
        "prompts": data.prompts_notes.get(table, ""),
        "apart": "" if compared is None else told_apart(compared),
        "repetitions": _range([len(each) for each in plotted.runs.values()]),
        "metrics": metrics,
        "strategies": strategies,
        "fronts": _fronts(strategies, metrics),
        "classes": list(names.classes),
        "experiences": {str(order): found for order, found in names.experiences.items()},
        "heldout": _heldout(plotted),
        "tested_on": _tested_on(plotted),
        "stream": stream,
        "failures": failures(data, runs, names),
    }


def _counts(runs: Sequence[Run], names: Names, positive: tuple[int, ...]) -> dict[str, ClassCounts]:
    by_strategy: dict[str, list[Run]] = {}
    for run in runs:
        by_strategy.setdefault(run.origin.strategy, []).append(run)
    found = {}
    for strategy, mine in by_strategy.items():
        classes = len(names.classes) or _most_classes(mine)
        counts = class_counts(mine, classes, positive=positive)
        if counts is not None:
            found[strategy] = counts
    return found


def _most_classes(runs: Sequence[Run]) -> int:
    """How many classes there are at least, where nobody says."""
    most = 0
    for run in runs:
        stored = None if run.result is None else run.result.predictions(-1)
        if stored is not None and len(stored.true):
            most = max(most, 1 + int(stored.true.max()), 1 + int(stored.predicted.max()))
    return most


def _best_of_classes(
    counts: Mapping[str, ClassCounts], seen_more: frozenset[str] | None
) -> dict[str, Best]:
    found = {}
    competing = {name: each for name, each in counts.items() if name not in (seen_more or ())}
    for name, metric in CLASS_METRICS.items():
        numbers = {strategy: each.numbers[name] for strategy, each in competing.items()}
        best = best_of(numbers, metric.better)
        if best is not None:
            found[name] = best
    return found


def _metrics(rows: pd.DataFrame, counts: Mapping[str, ClassCounts]) -> list[Content]:
    """The columns of the comparison: those in which anything is defined."""
    titles = {name: (metric.title, metric.better) for name, metric in METRICS.items()}
    if counts:
        titles |= {name: (each.title, each.better) for name, each in CLASS_METRICS.items()}
    titles |= {name: (metric.title, metric.better) for name, metric in LAST.items()}
    titles |= {name: (metric.title, metric.better) for name, metric in STREAM.items()}
    titles |= {name: (title, -1) for name, title in COST_METRICS.items()}
    found = []
    for name, (title, better) in titles.items():
        column = f"{name}_mean"
        of_classes = name in CLASS_METRICS and _is_defined(name, counts)
        if of_classes or (column in rows and rows[column].notna().any()):
            text = EXPLAINED.get(name, "")
            unit = UNITS.get(name, "percent")
            found.append(
                {"key": name, "title": title, "better": better, "unit": unit, "text": text}
            )
    return found


def _is_defined(name: str, counts: Mapping[str, ClassCounts]) -> bool:
    """Whether any run has the number: older ones kept no confidence."""
    values = (value for each in counts.values() for value in each.numbers[name].values())
    return not all(map(math.isnan, values))


def _values(row: Any, metrics: Iterable[Content], counts: ClassCounts | None) -> Content:
    """By metric: mean, deviation of a run, half the width of the mean's interval."""
    found: Content = {}
    for metric in metrics:
        name = metric["key"]
        scale = 100 if metric["unit"] == "percent" else 1
        if name in CLASS_METRICS:
            numbers = {} if counts is None else counts.numbers[name]
            cell = over_runs(list(numbers.values()), list[RunAt](numbers))
            three = [cell.mean, cell.std, cell.half]
        else:
            three = [row[f"{name}_mean"], row[f"{name}_std"], row.get(f"{name}_half", math.nan)]
        # More decimals than are shown: numbers rounded twice would differ from the tables.
        found[name] = rounded([scale * value for value in three], 5)
    return found


def _marks(name: str, best: Mapping[str, Best], metrics: Iterable[Content]) -> dict[str, str]:
    found = {}
    for metric in metrics:
        each = best.get(metric["key"])
        if each is not None and (name == each.strategy or name in each.alike):
            found[metric["key"]] = "best" if name == each.strategy else "alike"
    return found


def _fronts(strategies: Sequence[Content], metrics: Sequence[Content]) -> dict[str, list[int]]:
    """For each pair of metrics the places of the strategies on their Pareto front. What trains on
    more than the experience at hand does not compete.
    """
    keys = [metric["key"] for metric in metrics if metric["better"]]
    better = {metric["key"]: metric["better"] for metric in metrics}
    competing = [place for place, each in enumerate(strategies) if not each["reference"]]
    columns = {}
    for key in keys:
        means = [strategies[place]["values"][key][0] for place in competing]
        columns[key] = np.array([np.nan if mean is None else mean for mean in means])
    found = {}
    for one, other in combinations(keys, 2):
        points = np.stack([columns[one], columns[other]], axis=1)
        on_front = front(points, (better[one], better[other]))
        found[f"{one}|{other}"] = [
            place for place, on in zip(competing, on_front, strict=True) if on
        ]
    return found


def _heldout(plotted: PlottedTable) -> list[str]:
    return list(next(iter(plotted.runs.values()))[0].heldout_names)


def _tested_on(plotted: PlottedTable) -> list[str]:
    """The dataset or group of each experience, where that tells them apart."""
    return list(next(iter(plotted.runs.values()))[0].experience_names)


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    several = str(low) if low == high else f"{low} to {high}"
    return f"{several} run{'' if several == '1' else 's'} each"

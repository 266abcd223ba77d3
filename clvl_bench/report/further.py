"""Further: the metrics of samples that a benchmark asked for, as numbers of a run."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from clvl_bench.metrics.continual import mean
from clvl_bench.metrics.samples import FURTHER, SAMPLE_METRICS, SampleMetric
from clvl_bench.records.rows import Record


def _at_the_end(name: str) -> SampleMetric:
    metric = SAMPLE_METRICS[name]
    return replace(metric, title=f"Last {metric.title}")


LAST: dict[str, SampleMetric] = {f"last_{name}": _at_the_end(name) for name in FURTHER}
"""By the names of their columns: each is a mean over experiences at the end, as `last` is that of
accuracies."""


def last_numbers(records: Iterable[Record]) -> dict[str, float]:
    """Of each further metric that was recorded the mean over the test experiences after the last
    one was learned; NaN as soon as one is.
    """
    of_test = [row for row in records if row.stream == "test" and row.metric in FURTHER]
    end = max((row.trained for row in of_test), default=0)
    values: dict[str, list[float]] = {}
    for row in of_test:
        if row.trained == end:
            values.setdefault(f"last_{row.metric}", []).append(row.value)
    return {name: mean(np.array(values[name])) for name in LAST if name in values}

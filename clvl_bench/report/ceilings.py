"""Ceilings: what of the gain of joint training a strategy makes, measured against joint training of
the very same adapter.

A prompt cannot reach what full fine-tuning reaches; whether a strategy learns well from a stream is
seen only against the same adapter trained on all of the stream at once. Runs of a swept `train.data
= "joint"` are there for that alone: they are read, not shown.
"""

import math
from collections.abc import Mapping, Sequence

from clvl_bench.report.runs import Run, Table

JOINT = "joint"
TWIN = "[train.data=joint]"
"""How a sweep names a strategy whose only change is that it sees the whole stream at once."""

Adapter = tuple[Table, str]
"""A table, and the hash of an adapter's settings."""


def shown(runs: Sequence[Run]) -> list[Run]:
    """The runs that have a row: all but those that only measure others, where there are others."""
    return [run for run in runs if not run.origin.strategy.endswith(TWIN)] or list(runs)


def ceilings(lasts: Mapping[tuple[Table, str], float], runs: Sequence[Run]) -> dict[Adapter, float]:
    """The mean final accuracy that joint training of each adapter reaches, of several strategies
    the best.

    Args:
        lasts: mean final accuracy of each strategy of each table.
    """
    found: dict[Adapter, float] = {}
    for run in runs:
        origin = run.origin
        if origin.state != "done" or origin.train_data != JOINT or not origin.adapter_sha256:
            continue
        last = lasts.get((origin.table, origin.strategy), math.nan)
        if not math.isnan(last):
            adapter = (origin.table, origin.adapter_sha256)
            found[adapter] = max(found.get(adapter, -math.inf), last)
    return found

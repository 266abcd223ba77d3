"""A run as a report sees it: where its numbers come from, and its rows."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from clvl_bench.records.result import Result
from clvl_bench.records.rows import Record
from clvl_bench.report.answers import Answered

Key = tuple[str, str, str, str, int, int]
"""Benchmark, label space, strategy, backbone, seed, class order."""

Table = tuple[str, str, str]
"""Benchmark, label space, backbone: what may share a table or a plot."""


@dataclass(frozen=True)
class Origin:
    """One row of the table of runs: coordinates, whether it finished, where its numbers come from,
    what it cost.
    """

    run: str
    benchmark: str
    label_space: str
    strategy: str
    backbone: str
    seed: int
    class_order: int
    state: str
    reason: str = ""
    limit: str = ""
    commit: str = ""
    changed: str = ""
    config_sha256: str = ""
    adapter_sha256: str = ""
    train_data: str = ""
    data_sha256: str = ""
    prompts_sha256: str = ""
    weights_sha256: str = ""
    family: str = ""
    precision: str = "fp32"
    teacher: str = ""
    answerer: str = ""
    device: str = ""
    threads: str = ""
    versions: str = ""
    train_seconds: float = 0.0
    evaluate_seconds: float = 0.0
    peak_memory_mib: float = 0.0

    @property
    def table(self) -> Table:
        return self.benchmark, self.label_space, self.backbone

    @property
    def key(self) -> Key:
        return (
            self.benchmark,
            self.label_space,
            self.strategy,
            self.backbone,
            self.seed,
            self.class_order,
        )


@dataclass(frozen=True)
class Run:
    """A run and its rows; a failed run has none.

    `correct` is whether each test sample, in the order of ids, was right after the last experience
    [samples]; None where that is not known. `is_committed` is whether it was read from committed
    records, of which data and weights cannot be looked at; `result` the run folder that any other
    was read from.
    """

    origin: Origin
    records: tuple[Record, ...]
    correct: NDArray[np.bool_] | None = field(default=None, compare=False)
    answered: Answered | None = field(default=None, compare=False)
    is_committed: bool = field(default=False, compare=False)
    result: Result | None = field(default=None, compare=False, repr=False)

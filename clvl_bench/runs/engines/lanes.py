"""Lanes: the members of a grid on a cluster, a job each, and what comes before them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clvl_bench.core.files import sha256
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.grid import missing
from clvl_bench.runs.preparation import to_encode


@dataclass(frozen=True)
class Plan:
    """What of a grid is to be done on a cluster.

    Args:
        name: of the grid there: its experiment, and a hash of its runs and of their folder.
        folder: holds the scripts and the logs.
        lanes: how many; none where nothing is missing.
        encode: a run for each encoding that comes first, in a job of its own.
    """

    name: str
    folder: Path
    waiting: tuple[RunConfig, ...]
    lanes: int
    encode: tuple[RunConfig, ...]

    def log(self, lane: int) -> Path:
        """Where a lane writes, from 1; 0 is what is encoded first."""
        return self.folder / (f"lane-{lane}.log" if lane else "encode.log")


def plan(
    runs: Sequence[RunConfig], results: Path, *, experiment: str, lanes: int, most: int
) -> Plan:
    """The lanes for what is missing: not more than runs.

    Args:
        lanes: how many are wanted.
        most: how many the cluster allows.
    """
    results = results.resolve()
    waiting = tuple(missing(runs, results))
    name = _name(runs, results, experiment)
    return Plan(
        name=name,
        folder=results / "lanes" / name,
        waiting=waiting,
        lanes=min(lanes, most, len(waiting)),
        encode=tuple(to_encode(runs, results)) if waiting else (),
    )


def _name(runs: Sequence[RunConfig], results: Path, experiment: str) -> str:
    """The same for the same runs in the same folder, whoever asks."""
    told = "\n".join([str(results), *sorted(config.id for config in runs)])
    stem = re.sub(r"[^\w-]", "_", Path(experiment).stem, flags=re.ASCII)
    return f"{stem}-{sha256(told.encode())[:8]}"

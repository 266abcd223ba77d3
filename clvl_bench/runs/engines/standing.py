"""Standing: how far each run of a grid is, as its folder says it to whoever looks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clvl_bench.records.run_folder import RunFolder
from clvl_bench.runs.config import RunConfig

STATES = ("done", "running", "waiting", "failed")


@dataclass(frozen=True)
class Standing:
    """How far a run is.

    Args:
        state: one of `STATES`.
        reason: why it failed, or why it waits.
        lane: the job in which it is under way, as the cluster calls it; empty elsewhere.
        learned, experiences: how many of how many are learned.
        seconds_left: when its state was last kept; None where that is not known yet.
    """

    config: RunConfig
    state: str
    reason: str = ""
    lane: str = ""
    learned: int = 0
    experiences: int = 0
    seconds_left: float | None = None


def standings(
    runs: Sequence[RunConfig], results: Path, *, has_ended: Callable[[str], bool]
) -> list[Standing]:
    """How far each run is.

    Args:
        has_ended: whether a job is known to be over: what was under way in it waits.
    """
    return [_standing(config, results, has_ended) for config in runs]


def _standing(config: RunConfig, results: Path, has_ended: Callable[[str], bool]) -> Standing:
    folder = RunFolder(results / "runs" / config.id)
    if folder.finished:
        return Standing(config, "done")
    status = folder.status()
    failure = folder.failure()
    if failure is not None:
        return Standing(config, "failed", failure.reason)
    if status.get("state") != "running":
        return Standing(config, "waiting", str(status.get("reason", "")))
    lane = str(status.get("lane", ""))
    if has_ended(lane):
        return Standing(config, "waiting", f"job {lane} ended under it")
    return Standing(
        config,
        "running",
        lane=lane,
        learned=int(status.get("learned", 0)),
        experiences=int(status.get("experiences", 0)),
        seconds_left=status.get("seconds_left"),
    )

"""Grid: the runs of a grid, on this machine, several in one worker process (importing torch and
Avalanche costs seconds, which all workers share).

Several grids on one folder are members of one: each takes what nobody has claimed. A run that fails
is recorded with its reason and takes nobody else down; a worker that dies is replaced.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from clvl_bench.core import stopping
from clvl_bench.core.errors import RunFailed
from clvl_bench.core.files import temporary_name
from clvl_bench.core.lock import Life, Watch, owner_of, token_of
from clvl_bench.records.run_folder import STATUS, RunFolder
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.preparation import changes_of_reading
from clvl_bench.runs.tasks import Told
from clvl_bench.runs.workers import POLL_SECONDS, Workers

ALONE = (0, 1)
"""The place of the one member of a grid."""


@dataclass(frozen=True)
class Outcome:
    """How a run of a grid ended.

    `done` or `failed`, here; `elsewhere`, by another process; `interrupted`, since this process
    was told to stop, with its state kept; `busy`, under way in another live process, to which it is
    left.

    Args:
        progressed: whether anything new was kept here.
    """

    config: RunConfig
    state: str
    reason: str = ""
    accuracy: float | None = None
    progressed: bool = False


class Pool(Protocol):
    """Workers that a grid gives its runs to."""

    @property
    def has_room(self) -> bool:
        """Whether one more run can be given."""

    @property
    def idle(self) -> bool:
        """Whether no run is with them."""

    def give(self, config: RunConfig, *, dead: str = "") -> None:
        """Let a worker run it.

        Args:
            dead: the token of a claim on it that is known to be dead.
        """

    def wait(self, *, within: float) -> Iterator[tuple[RunConfig, Told]]:
        """What is told in so many seconds."""

    def ask_to_stop(self) -> None:
        """At the next place where their state is kept."""

    def end(self) -> None:
        """Let all go."""


def missing(runs: Sequence[RunConfig], results: Path) -> list[RunConfig]:
    """The runs of a grid that have no result yet, whose process died behind its result, before it
    said so, or whose folder holds the result of another: to run that one is refused by name.
    """
    folders = {config.id: RunFolder(results / "runs" / config.id) for config in runs}
    done = {run for run, folder in folders.items() if folder.closed and folder.is_of_its_id}
    return [config for config in runs if config.id not in done]


def grid(
    runs: Sequence[RunConfig],
    *,
    results: Path,
    jobs: int = 1,
    device: str = "cpu",
    member: tuple[int, int] = ALONE,
    listener: Callable[[RunConfig, Told], None] | None = None,
    log_to: Sequence[str] = (),
    workers: Pool | None = None,
) -> Iterator[Outcome]:
    """Run what is missing, `jobs` at a time; outcomes come as runs end.

    Runs that another process works on come last: should that process die, they are run here; those
    whose process lives are left to it.

    Args:
        member: which of how many members this is; each begins at a place of its own.
        listener: is told how runs go.
        log_to: trackers that are handed the rows as curves.
        workers: who runs them; if None, processes of this machine. Others know for themselves how
            many at a time, on which device, and which trackers.

    Raises:
        RunFailed: nothing at all can be written to the results.
    """
    queue = _Queue(_from_own_place(missing(runs, results), member), results)
    if workers is None:
        workers = Workers(results, device, log_to, jobs=jobs)
    try:
        while True:
            yield from _give(queue, workers)
            if workers.idle and (stopping.asked() or not queue.elsewhere):
                return
            if workers.idle and queue.left_to_the_living():
                yield from queue.leave()
                return
            for config, told in workers.wait(within=POLL_SECONDS):
                if listener is not None:
                    listener(config, told)
                if told.is_end:
                    yield from _ended(config, told, queue, results)
            if stopping.asked():
                workers.ask_to_stop()
            elif workers.has_room:
                queue.look_again()
    finally:
        workers.end()


def _from_own_place(runs: list[RunConfig], member: tuple[int, int]) -> list[RunConfig]:
    """So that members that start together do not all look at the same run first."""
    start = own_place(runs, member)
    return [*runs[start:], *runs[:start]]


def own_place(runs: Sequence[RunConfig], member: tuple[int, int]) -> int:
    """The run that a member begins with: an even share behind the one before it, or there where
    the data or the backbone change, if that is nearer than half a share.
    """
    index, members = member
    share = len(runs) / members
    even = index * len(runs) // members
    near = [place for place in changes_of_reading(runs) if abs(place - even) < share / 2]
    return min(near, key=lambda place: abs(place - even), default=even)


def _give(queue: "_Queue", workers: Pool) -> Iterator[Outcome]:
    """Give runs to free workers, as long as there are both."""
    while workers.has_room and not stopping.asked():
        found = queue.next()
        if found is None:
            return
        if isinstance(found, Outcome):
            yield found
        else:
            workers.give(found, dead=queue.dead_token(found))


def _ended(config: RunConfig, told: Told, queue: "_Queue", results: Path) -> Iterator[Outcome]:
    if told.state == "busy":
        queue.elsewhere.append(config)
        return
    yield Outcome(config, told.state, told.reason, told.accuracy, told.progressed)
    if told.reason.startswith("disk: "):
        _refuse_unwritable(results, told.reason)


def _refuse_unwritable(results: Path, reason: str) -> None:
    """Go on with the rest of a grid only if anything can be written.

    Raises:
        RunFailed: nothing can.
    """
    probe = results / temporary_name()
    try:
        probe.write_bytes(bytes(4096))
    except OSError:
        raise RunFailed(f"{reason}; nothing can be written, so the grid stops") from None
    finally:
        probe.unlink(missing_ok=True)


class _Queue:
    """The runs that are not done yet, as this member knows them.

    Args:
        runs: in the order in which they are tried.
    """

    def __init__(self, runs: Sequence[RunConfig], results: Path) -> None:
        self.elsewhere: list[RunConfig] = []
        """Claimed by others when they were looked at."""
        self._waiting = list(runs)
        self._results = results
        self._watch = Watch()
        self._status_before = {config.id: self._status_changed(config) for config in runs}

    def next(self) -> RunConfig | Outcome | None:
        """A run that nobody works on, or what another process made of one; None where there is
        neither now.
        """
        while self._waiting:
            config = self._waiting.pop(0)
            told = self._told_by_others(config)
            if told is not None:
                return told
            if self._life(config) in (Life.FREE, Life.DEAD):
                return config
            self.elsewhere.append(config)
        return None

    def dead_token(self, config: RunConfig) -> str:
        """The owner that died and whose run it is, so that a worker need not watch it again."""
        if self._life(config) is not Life.DEAD:
            return ""
        return token_of(self._path(config))

    def look_again(self) -> None:
        """What was claimed by others may be done, or its process dead."""
        self._waiting += self.elsewhere
        self.elsewhere = []

    def left_to_the_living(self) -> bool:
        """Whether all that is claimed elsewhere is in living hands."""
        return all(self._life(config) is Life.ALIVE for config in self.elsewhere)

    def leave(self) -> Iterator[Outcome]:
        """What is left to others: this member is not needed."""
        for config in self.elsewhere:
            told = self._told_by_others(config)
            reason = f"left to {owner_of(self._path(config))}"
            yield Outcome(config, "busy", reason) if told is None else told

    def _told_by_others(self, config: RunConfig) -> Outcome | None:
        """How another process ended it; None where none has."""
        folder = RunFolder(self._path(config))
        if folder.closed and folder.is_of_its_id:
            return Outcome(config, "elsewhere", "by another process")
        failure = folder.failure()
        # A failure from before this start is tried again; one that others met since is not.
        if failure is None or self._status_changed(config) == self._status_before[config.id]:
            return None
        return Outcome(config, "failed", f"{failure.reason} (in another process)")

    def _status_changed(self, config: RunConfig) -> int:
        try:
            return (self._path(config) / STATUS).stat().st_mtime_ns
        except OSError:
            return 0

    def _life(self, config: RunConfig) -> Life:
        return self._watch.life(self._path(config))

    def _path(self, config: RunConfig) -> Path:
        return self._results / "runs" / config.id


def default_jobs() -> int:
    """One run a core, each with one thread: that beats threads."""
    return max(
        1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )

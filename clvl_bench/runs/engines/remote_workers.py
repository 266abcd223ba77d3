"""Workers of a grid on other machines, behind whatever knows how to send a text there and back.

What travels is JSON: which run, and where its folder is. Results lie in the folder that all
machines see; how far a run is, is read there, too.
"""

import json
import socket
import time
from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Sequence
from contextlib import chdir
from functools import cache
from pathlib import Path
from signal import SIGINT
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from clvl_bench.core import stopping
from clvl_bench.core.errors import ClvlError, warn
from clvl_bench.core.lock import token_of
from clvl_bench.methods.outside import loaded_files
from clvl_bench.methods.registry import load_methods
from clvl_bench.records.run_folder import RunFolder
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.tasks import Task, Told, kept_sources, perform, warn_of_stop

if TYPE_CHECKING:
    from clvl_bench.runs.setup import Sources

RETRIES = 3
"""How often a run whose worker died is sent again; it goes on from its kept state."""
LOOK_SECONDS = 5.0
"""How often the folders of runs under way are looked at."""
GRACE_SECONDS = 5.0
"""How long workers may take to come to a kept state when their grid ends before them."""


class Lost(Exception):
    """The worker died with what it was sent."""


class Withdrawn(Exception):
    """It was cancelled before a worker had it."""


class Cluster(Protocol):
    """What sends texts to workers: `sent` there is handed to `perform_there`."""

    def room(self) -> int:
        """How many runs it can work on at a time, as it is now."""

    def send(self, sent: str) -> Hashable:
        """A handle of the answer."""

    def answered(self, handles: Collection[Hashable], *, within: float) -> list[Hashable]:
        """Those of which there is an answer, or will be none, in so many seconds."""

    def answer(self, handle: Hashable) -> str:
        """What came back.

        Raises:
            Lost: its worker died.
            Withdrawn: it was cancelled before.
        """

    def cancel(self, handle: Hashable) -> None:
        """Take it back, or interrupt its worker with SIGINT."""


class RemoteWorkers:
    """The workers of a grid on a cluster.

    Args:
        results: the folder that all machines see.
        jobs: at most so many runs at a time; if None, as many as the cluster has room for.
    """

    def __init__(
        self,
        cluster: Cluster,
        results: Path,
        device: str,
        log_to: Sequence[str] = (),
        *,
        jobs: int | None = None,
    ) -> None:
        self._cluster = cluster
        self._results = results.resolve()
        self._device = device
        self._log_to = tuple(log_to)
        self._jobs = jobs
        self._running: dict[Hashable, Task] = {}
        self._losses: Counter[str] = Counter()
        self._told: dict[str, Told] = {}
        self._looked = time.monotonic()
        self._asked = False
        self._sign = self._results / f".{uuid4().hex}.sign"
        self._sign.touch()

    @property
    def has_room(self) -> bool:
        # One more than there is room for: it begins at once when another ends, and a cluster that
        # grows on demand sees that there is some.
        room = self._cluster.room() + 1
        return len(self._running) < (room if self._jobs is None else min(self._jobs, room))

    @property
    def idle(self) -> bool:
        return not self._running

    def give(self, config: RunConfig, *, dead: str = "") -> None:
        """Let a worker run it.

        Args:
            dead: the token of a claim on it that is known to be dead.
        """
        self._send(Task(config, self._device, dead, self._log_to))

    def wait(self, *, within: float) -> Iterator[tuple[RunConfig, Told]]:
        """What is told in so many seconds."""
        if self.idle:
            time.sleep(within)
            return
        for handle in self._cluster.answered(list(self._running), within=within):
            task = self._running.pop(handle)
            told = self._answer(handle, task)
            if told is not None:
                self._told.pop(task.config.id, None)
                yield task.config, told
        if time.monotonic() - self._looked > LOOK_SECONDS:
            yield from self._look()

    def ask_to_stop(self) -> None:
        """At the next place where their state is kept."""
        if self._asked:
            return
        self._asked = True
        warn_of_stop(len(self._running))
        self._cancel()

    def end(self) -> None:
        """Let all go; who comes to a kept state in a moment stops there."""
        self._sign.unlink(missing_ok=True)
        self._cancel()
        give_up = time.monotonic() + GRACE_SECONDS
        while self._running and time.monotonic() < give_up:
            for handle in self._cluster.answered(list(self._running), within=1.0):
                del self._running[handle]

    def _send(self, task: Task) -> None:
        sent = {
            "task": task.to_json().decode(),
            "results": str(self._results),
            "sign": self._sign.name,
            "folder": str(Path.cwd()),
            "methods": [str(file) for file in loaded_files()],
        }
        self._running[self._cluster.send(json.dumps(sent))] = task

    def _answer(self, handle: Hashable, task: Task) -> Told | None:
        """How it ended; None where it was sent again."""
        try:
            return Told.from_json(self._cluster.answer(handle).encode())
        except Withdrawn:
            return Told("interrupted", stopping.asked() or "")
        except Lost as lost:
            return self._lost(task, str(lost))

    def _lost(self, task: Task, reason: str) -> Told | None:
        """Its worker died: it goes on elsewhere, but not for ever."""
        config = task.config
        if self._asked:
            return Told("interrupted", stopping.asked() or "")
        self._losses[config.id] += 1
        losses = self._losses[config.id]
        if losses <= RETRIES:
            warn(
                f"{config.id}: its worker died ({reason}); it goes on from its kept state, retry "
                f"{losses} of {RETRIES}"
            )
            self._send(task)
            return None
        return self._given_up(config, f"killed: {losses} workers died with it, last: {reason}")

    def _given_up(self, config: RunConfig, reason: str) -> Told:
        from clvl_bench.runs.runner import record_failure

        recorded = record_failure(config, reason, results=self._results)
        # Who died behind the result has done it: whoever takes it up only has to close it.
        if not recorded and RunFolder(self._path(config)).finished:
            return Told("busy")
        return Told("failed", reason)

    def _look(self) -> Iterator[tuple[RunConfig, Told]]:
        """How far the runs are, where that has changed."""
        self._looked = time.monotonic()
        for task in list(self._running.values()):
            told = self._how_far(task)
            if told is not None and told != self._told.get(task.config.id):
                self._told[task.config.id] = told
                yield task.config, told

    def _how_far(self, task: Task) -> Told | None:
        """None where no worker has begun with it."""
        path = self._path(task.config)
        if token_of(path) in ("", task.dead):
            return None
        status = RunFolder(path).status()
        if status.get("state") != "running":  # it prepares
            return Told("running")
        learned, experiences = status.get("learned", 0), status.get("experiences", 0)
        return Told("running", learned=int(learned), experiences=int(experiences))

    def _cancel(self) -> None:
        for handle in self._running:
            self._cluster.cancel(handle)

    def _path(self, config: RunConfig) -> Path:
        return self._results / "runs" / config.id


# --- in the worker ---


def perform_there(sent: str) -> str:
    """What a worker does with what it is sent, and what it sends back.

    A first SIGINT is only noted: the run stops where its state is kept.
    """
    told = json.loads(sent)
    results = Path(told["results"])
    if not (results / told["sign"]).exists():
        return _refused(
            f"{results}: is not the folder of the grid on {socket.gethostname()}; let --results be "
            "on a disk that all nodes see"
        )
    if not Path(told["folder"]).is_dir():
        return _refused(f"{told['folder']}: is not there on {socket.gethostname()}")
    with chdir(told["folder"]), stopping.listening(signals=(SIGINT,)):
        try:
            load_methods([Path(file) for file in told["methods"]])
        except ClvlError as error:
            return _refused(str(error))
        task = Task.from_json(told["task"].encode())
        return perform(task, results, sources=_sources()).to_json().decode()


def _refused(reason: str) -> str:
    return Told("failed", reason).to_json().decode()


@cache
def _sources() -> "Sources":
    """Kept as long as the process: it may be sent more than one run."""
    return kept_sources()

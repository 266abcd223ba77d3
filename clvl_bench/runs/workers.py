"""Workers: processes that run what they are given, one run at a time, and tell how it goes."""

import json
import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess, parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clvl_bench.core import stopping
from clvl_bench.core.errors import Busy, Stopped, warn
from clvl_bench.core.faults import as_line
from clvl_bench.core.lock import Watch
from clvl_bench.methods.outside import loaded_files
from clvl_bench.methods.registry import load_methods
from clvl_bench.records.run_folder import RunFolder
from clvl_bench.runs.config import RunConfig

if TYPE_CHECKING:
    from clvl_bench.records.rows import Record
    from clvl_bench.runs.setup import Sources

METHODS = multiprocessing.get_all_start_methods()
CONTEXT: Any = multiprocessing.get_context("forkserver" if "forkserver" in METHODS else "spawn")
"""How workers start: forked from a process that imports everything once and does nothing else. (A
fork of a process that has used torch's threads may hang.)"""
if "forkserver" in METHODS:
    CONTEXT.set_forkserver_preload(["clvl_bench.runs.preloaded"])
POLL_SECONDS = 1.0
"""How often a grid looks at what others do, and whether it was asked to stop."""
GRACE_SECONDS = 5.0
"""How long a worker may take to end when its grid ends before it."""


@dataclass(frozen=True)
class Told:
    """What a worker tells of its run.

    Args:
        state: `running`, or how it ended: `done`, `failed`, `interrupted`, `elsewhere` (another
            process had ended it), `busy` (another has it).
        learned, experiences: how many of how many are learned.
        accuracy: the mean over the test experiences that could be scored, when last measured.
    """

    state: str
    reason: str = ""
    learned: int = 0
    experiences: int = 0
    accuracy: float | None = None

    @property
    def is_end(self) -> bool:
        return self.state != "running"


class Workers:
    """The worker processes of a grid, started as they are needed."""

    def __init__(self, results: Path, device: str, log_to: Sequence[str] = ()) -> None:
        self._results = results
        self._device = device
        self._log_to = log_to
        self._running: dict[Connection, tuple[BaseProcess, RunConfig]] = {}
        self._free: list[tuple[Connection, BaseProcess]] = []
        self._asked = False

    @property
    def busy(self) -> int:
        return len(self._running)

    @property
    def idle(self) -> bool:
        return not self._running

    def give(self, config: RunConfig, *, dead: str = "") -> None:
        """Let a worker run it.

        Args:
            dead: the token of a claim on it that is known to be dead.
        """
        connection, process = self._free.pop() if self._free else self._start()
        task = {"config": config.model_dump(mode="json"), "dead": dead, "log_to": [*self._log_to]}
        connection.send_bytes(json.dumps(task).encode())
        self._running[connection] = (process, config)

    def wait(self, *, within: float) -> Iterator[tuple[RunConfig, Told]]:
        """What is told in so many seconds."""
        if self.idle:
            time.sleep(within)
            return
        for connection in wait(list(self._running), timeout=within):
            assert isinstance(connection, Connection)
            process, config = self._running[connection]
            try:
                told = Told(**json.loads(connection.recv_bytes()))
            except (EOFError, ConnectionError):  # the worker died with the run
                del self._running[connection]
                connection.close()
                process.join()
                yield config, self._died(config, process.exitcode)
                continue
            if told.is_end:
                del self._running[connection]
                self._free.append((connection, process))
            yield config, told

    def ask_to_stop(self) -> None:
        """At the next place where their state is kept."""
        if self._asked:
            return
        self._asked = True
        if self._running:
            warn(
                f"told to stop ({stopping.asked()}): waiting until all runs have come to their "
                f"next kept state: {len(self._running)}"
            )
        for process, _ in self._running.values():
            self._signal(process, signal.SIGUSR1)

    def end(self) -> None:
        """Let those without work go, and interrupt the others."""
        for connection, _ in self._free:
            connection.close()
        for process, _ in self._running.values():
            self._signal(process, signal.SIGINT)
        give_up = time.monotonic() + GRACE_SECONDS
        processes = [process for process, _ in self._running.values()]
        processes += [process for _, process in self._free]
        for process in processes:
            process.join(max(0.0, give_up - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()

    def _start(self) -> tuple[Connection, BaseProcess]:
        ours, theirs = multiprocessing.Pipe()
        arguments = (theirs, self._results, self._device, loaded_files(), stopping.seconds_left())
        process = CONTEXT.Process(target=_work, args=arguments, daemon=True)
        process.start()
        theirs.close()
        return ours, process

    def _died(self, config: RunConfig, exit_code: int | None) -> Told:
        """A worker is gone. If it died behind its result, whoever takes it up has only to close
        it.
        """
        from clvl_bench.runs.runner import record_failure

        if stopping.asked():  # by a signal that came before the worker could note it
            return Told("interrupted", stopping.asked() or "")
        reason = f"killed: its worker ended with exit code {exit_code}"
        if record_failure(config, reason, results=self._results):
            return Told("failed", reason)
        return Told("busy")

    def _signal(self, process: BaseProcess, number: int) -> None:
        if process.pid is not None and process.is_alive():
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)


# --- in the worker ---


def _work(
    connection: Connection,
    results: Path,
    device: str,
    methods: Sequence[Path],
    time_limit: float | None,
) -> None:
    """A worker: runs configurations as they come, until there are none, or nobody is left to
    tell. It knows the same methods from outside as the process that started it.
    """
    threading.Thread(target=_die_with_the_grid, daemon=True).start()
    with (
        suppress(EOFError, ConnectionError, KeyboardInterrupt, Stopped),
        stopping.listening(time_limit=time_limit, led=True),
    ):
        load_methods(methods)
        sources = _kept_sources()
        while True:
            task = json.loads(connection.recv_bytes())
            config = RunConfig.model_validate(task["config"])
            dead, log_to = task["dead"], task["log_to"]
            told = _told_of(config, results, device, dead, log_to, connection, sources)
            connection.send_bytes(json.dumps(asdict(told)).encode())


def _die_with_the_grid() -> None:
    """A grid that was killed leaves nobody who works on, and holds claims, behind its back."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _told_of(
    config: RunConfig,
    results: Path,
    device: str,
    dead: str,
    log_to: Sequence[str],
    connection: Connection,
    sources: "Sources",
) -> Told:
    """Run it, and say how it ended."""
    from clvl_bench.runs.devices import choose_device
    from clvl_bench.runs.runner import record_failure, run

    folder = RunFolder(results / "runs" / config.id)
    if folder.closed and folder.is_of_its_id:
        return Told("elsewhere", "by another process")
    try:
        result = run(
            config,
            results=results,
            device=choose_device(device, config.precision),
            progress=False,
            observer=_telling(connection),
            sources=sources,
            claims=Watch(dead),
            log_to=log_to,
        )
        return Told("done", accuracy=_accuracy(result.records))
    except Busy:
        return Told("busy")
    except Stopped as stopped:
        return Told("interrupted", str(stopped))
    except Exception as error:
        reason = _in_a_line(error)
    record_failure(config, reason, results=results)
    return Told("failed", reason)


def _kept_sources() -> "Sources":
    from clvl_bench.runs.last_sources import LastSources

    return LastSources()


def _in_a_line(error: Exception) -> str:
    """Why a run failed; a fault of ours fails this run, not the grid."""
    failure = as_line(error)
    if failure is not None:
        return str(failure)
    return f"bug: {type(error).__name__}: {error}".splitlines()[0]


def _telling(connection: Connection) -> Any:
    """An observer that tells the grid of each kept state."""
    from clvl_bench.runs.observer import RunObserver

    class Teller(RunObserver):
        def prepared(self, prepared: Any) -> None:
            self._experiences = len(prepared.benchmark.scenario.train_stream)

        def strategy_built(self, strategy: Any, prepared: Any, *, untouched: bool) -> None:
            if not untouched:
                self._strategy = strategy

        def state_kept(self, checkpoint: Any) -> None:
            learned = self._strategy.n_experiences
            told = Told("running", learned=learned, experiences=self._experiences)
            with suppress(OSError):  # the grid is gone, and so is this worker in a moment
                connection.send_bytes(json.dumps(asdict(told)).encode())

    return Teller()


def _accuracy(records: "Sequence[Record]") -> float | None:
    """The mean accuracy over the test experiences after the last one; None where there is none."""
    of_test = [each for each in records if each.stream == "test" and each.metric == "accuracy"]
    last = max((each.trained for each in of_test), default=0)
    values = [each.value for each in of_test if each.trained == last and each.experience >= 0]
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else None

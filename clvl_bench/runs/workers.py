"""Workers: processes that run what they are given, one run at a time, and tell how it goes."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess, parent_process
from pathlib import Path
from typing import Any

from clvl_bench.core import stopping
from clvl_bench.core.errors import Stopped
from clvl_bench.methods.outside import loaded_files
from clvl_bench.methods.registry import load_methods
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.tasks import Task, Told, kept_sources, perform, warn_of_stop

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


def import_ahead() -> None:
    """Let the process that workers are forked from begin its imports, which take seconds, while
    this one does something else.
    """
    if "forkserver" in METHODS:
        forkserver.ensure_running()


class Workers:
    """The worker processes of a grid, started as they are needed."""

    def __init__(
        self, results: Path, device: str, log_to: Sequence[str] = (), *, jobs: int = 1
    ) -> None:
        self._results = results
        self._device = device
        self._log_to = tuple(log_to)
        self._jobs = jobs
        self._running: dict[Connection, tuple[BaseProcess, RunConfig]] = {}
        self._free: list[tuple[Connection, BaseProcess]] = []
        self._asked = False

    @property
    def has_room(self) -> bool:
        return len(self._running) < self._jobs

    @property
    def idle(self) -> bool:
        return not self._running

    def give(self, config: RunConfig, *, dead: str = "") -> None:
        """Let a worker run it.

        Args:
            dead: the token of a claim on it that is known to be dead.
        """
        connection, process = self._free.pop() if self._free else self._start()
        task = Task(config, self._device, dead, self._log_to)
        connection.send_bytes(task.to_json())
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
                told = Told.from_json(connection.recv_bytes())
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
        warn_of_stop(len(self._running))
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
        arguments = (theirs, self._results, loaded_files(), stopping.seconds_left())
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
    connection: Connection, results: Path, methods: Sequence[Path], time_limit: float | None
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
        sources = kept_sources()
        while True:
            task = Task.from_json(connection.recv_bytes())
            _tell(connection, Told("running"))
            told = perform(task, results, sources=sources, tell=partial(_tell, connection))
            connection.send_bytes(told.to_json())


def _tell(connection: Connection, told: Told) -> None:
    with suppress(OSError):  # the grid is gone, and so is this worker in a moment
        connection.send_bytes(told.to_json())


def _die_with_the_grid() -> None:
    """A grid that was killed leaves nobody who works on, and holds claims, behind its back."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

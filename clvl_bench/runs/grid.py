"""Launch: the runs of a grid, on this machine, several in one worker process (importing torch and
Avalanche costs seconds, which all workers share).

A run that fails is recorded with its reason and takes nobody else down; a worker that dies is
replaced.
"""

import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from clvl_bench.core.errors import Busy, ClvlError
from clvl_bench.methods.outside import loaded_files
from clvl_bench.methods.registry import load_methods
from clvl_bench.records.run_folder import RunFolder
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.lock import is_locked

METHODS = multiprocessing.get_all_start_methods()
CONTEXT: Any = multiprocessing.get_context("forkserver" if "forkserver" in METHODS else "spawn")
"""How workers start: forked from a process that imports everything once and does nothing else. (A
fork of a process that has used torch's threads may hang.)"""
if "forkserver" in METHODS:
    CONTEXT.set_forkserver_preload(["clvl_bench.runs.runner"])
POLL_SECONDS = 2.0
"""How often a grid looks at runs that another process works on."""


@dataclass(frozen=True)
class Outcome:
    """How a run of a grid ended: `done` or `failed`, and why; `busy` where another process has
    it.
    """

    config: RunConfig
    state: str
    reason: str = ""


def missing(runs: Sequence[RunConfig], results: Path) -> list[RunConfig]:
    """The runs of a grid that have no result yet, whose process died behind its result, before it
    said so, or whose folder holds the result of another: to run that one is refused by name.
    """
    folders = {config.id: RunFolder(results / "runs" / config.id) for config in runs}
    done = {run for run, folder in folders.items() if folder.closed and folder.is_of_its_id}
    return [config for config in runs if config.id not in done]


def grid(
    runs: Sequence[RunConfig], *, results: Path, jobs: int, device: str = "cpu"
) -> Iterator[Outcome]:
    """Run what is missing, `jobs` at a time; outcomes come as runs end.

    Runs that another process works on come last, and are waited for: should that process die, they
    are run here.
    """
    waiting, elsewhere = list(missing(runs, results)), []
    while waiting:
        for outcome in _pass(waiting, results=results, jobs=jobs, device=device):
            if outcome.state == "busy":
                elsewhere.append(outcome.config)
            else:
                yield outcome
        while elsewhere and all(is_locked(results / "runs" / config.id) for config in elsewhere):
            time.sleep(POLL_SECONDS)
        waiting = missing(elsewhere, results)
        yield from (
            Outcome(config, "done", "by another process")
            for config in elsewhere
            if config not in waiting
        )
        elsewhere = []


def _pass(runs: Sequence[RunConfig], *, results: Path, jobs: int, device: str) -> Iterator[Outcome]:
    """Try each of the runs once."""
    waiting = list(reversed(runs))
    workers: dict[Connection, tuple[BaseProcess, RunConfig]] = {}
    try:
        while waiting or workers:
            while waiting and len(workers) < jobs:
                connection, process = _start(results, device)
                _give(workers, connection, process, waiting.pop())
            for ready in wait(list(workers)):
                assert isinstance(ready, Connection)
                process, config = workers.pop(ready)
                yield _outcome(ready, process, config, results)
                if waiting and process.is_alive():
                    _give(workers, ready, process, waiting.pop())
                else:
                    ready.close()
                    process.join()
    finally:
        for open_connection, (process, _) in workers.items():
            process.terminate()
            open_connection.close()


def _start(results: Path, device: str) -> tuple[Connection, BaseProcess]:
    ours, theirs = multiprocessing.Pipe()
    arguments = (theirs, results, device, loaded_files())
    process = CONTEXT.Process(target=_work, args=arguments, daemon=True)
    process.start()
    theirs.close()
    return ours, process


def _give(
    workers: dict[Connection, tuple[BaseProcess, RunConfig]],
    connection: Connection,
    process: BaseProcess,
    config: RunConfig,
) -> None:
    connection.send_bytes(config.model_dump_json().encode())
    workers[connection] = (process, config)


def _outcome(
    connection: Connection, process: BaseProcess, config: RunConfig, results: Path
) -> Outcome:
    try:
        state, _, reason = connection.recv_bytes().decode().partition(" ")
    except (EOFError, ConnectionError):  # the worker died with the run
        process.join()
        folder = RunFolder(results / "runs" / config.id)
        if folder.finished:  # behind its result: whoever takes it up has only to close it
            return Outcome(config, "busy")
        state, reason = "failed", f"killed: its worker ended with exit code {process.exitcode}"
        folder.set_failed(config.coordinates, reason)
    return Outcome(config, state, reason)


def _work(connection: Connection, results: Path, device: str, methods: Sequence[Path]) -> None:
    """A worker: runs configurations as they come, until there are none, or nobody is left to
    tell. It knows the same methods from outside as the process that started it.
    """
    load_methods(methods)
    with suppress(EOFError, ConnectionError):
        while True:
            config = RunConfig.model_validate_json(connection.recv_bytes())
            connection.send_bytes(_report_of(config, results, device).encode())


def _report_of(config: RunConfig, results: Path, device: str) -> str:
    """Run it, and say in a line how it ended: the state, and the reason if it is not done."""
    from clvl_bench.runs.runner import run

    try:
        run(config, results=results, device=device, progress=False)
        return "done"
    except Busy as error:
        return f"busy {error}"
    except ClvlError as error:
        reason = str(error)
    except Exception as error:  # a fault of ours fails this run, not the grid
        reason = f"bug: {type(error).__name__}: {error}".splitlines()[0]
    RunFolder(results / "runs" / config.id).set_failed(config.coordinates, reason)
    return f"failed {reason}"


def default_jobs() -> int:
    """One run a core, each with one thread: that beats threads."""
    return max(
        1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )

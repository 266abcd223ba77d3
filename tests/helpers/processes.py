"""Processes that work on one thing together, as torchrun would start them; forked from this one, so
that they start at once.
"""

import json
import os
import signal
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from torch.distributed import TCPStore

from clvl_bench.core import world

WITHIN_SECONDS = 240.0
"""Who takes longer is killed."""
SECONDS_TO_FOLLOW = 1.0
"""Within which the others notice by themselves that one is gone."""


@dataclass(frozen=True)
class Ended:
    """How a process ended: with a value, with an error, or (both None) by a signal."""

    value: Any = None
    error: str | None = None
    said: str = ""
    code: int | None = None


def joined(count: int, work: Callable[[int], Any], **environment: str) -> list[Ended]:
    """Let so many processes do `work(rank)`, which gives what JSON can say, joined to one world."""

    def in_world(rank: int) -> Any:
        with world.joined():
            return work(rank)

    return apart(count, in_world, **environment)


def apart(count: int, work: Callable[[int], Any], **environment: str) -> list[Ended]:
    """The same without joining them: `work` does that itself."""
    # As with torchrun, what they leave for each other lies in a process that outlives them.
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    told = {
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "CLVL_WORLD_SECONDS": "120",
        **environment,
    }
    children: dict[int, int] = {}
    for rank in range(count):
        reading, writing = os.pipe()
        with warnings.catch_warnings():  # of threads, of which none here holds anything
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if not pid:
            os.environ.update(told, RANK=str(rank), LOCAL_RANK=str(rank))
            end = _done(work, rank)
            os.write(writing, json.dumps(vars(end)).encode())
            os._exit(end.error is not None)
        os.close(writing)
        children[pid] = reading
    _wait(list(children))
    return [_told(reading) for reading in children.values()]


def _done(work: Callable[[int], Any], rank: int) -> Ended:
    try:
        return Ended(value=work(rank))
    except BaseException as error:
        traceback.print_exc()
        code = getattr(error, "exit_code", None)
        return Ended(error=type(error).__name__, said=str(error), code=code)


def _wait(children: list[int]) -> None:
    """Until all have ended. As torchrun does it, where one failed the others are told to stop."""
    running = set(children)
    began = time.monotonic()
    failed = None
    while running:
        for pid in list(running):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                running.remove(pid)
                failed = failed or (time.monotonic() if status else None)
        if failed and time.monotonic() > failed + SECONDS_TO_FOLLOW:
            _signal(running, signal.SIGTERM)
            failed = None
        if time.monotonic() > began + WITHIN_SECONDS:
            _signal(running, signal.SIGKILL)
        time.sleep(0.01)


def _signal(children: set[int], number: int) -> None:
    for pid in children:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _told(reading: int) -> Ended:
    with open(reading, "rb") as pipe:
        told = pipe.read()
    return Ended(**json.loads(told)) if told else Ended()

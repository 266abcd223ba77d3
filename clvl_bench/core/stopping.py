"""Stopping: a scheduler's signals and time limits end a run where its state is kept.

SIGTERM and SIGUSR1 are only noted; whoever comes to a safe point asks. A time limit stops at the
last safe point from which the next one would come too late, and in any case when it is over.

Ctrl-C ends what is under way, wherever it is; a second one does not wait until that has said so in
its folder.
"""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from clvl_bench.core.errors import Stopped
from clvl_bench.core.exit_codes import ExitCode

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
TIME_LIMIT = "time limit"
SOON = 1e-3
"""A timer of no seconds would never go off."""
ROOM = 1.2
"""The next stretch is expected to take so many times the longest one before it."""


class _Request:
    """What was asked of this process, and what it knows of its own pace."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.deadline: float | None = None
        self.last: float | None = None
        self.longest = 0.0
        self.progressed = False


_request = _Request()


def asked() -> str | None:
    """By what this process was asked to stop; None where it was not."""
    return _request.reason


def stop_if_asked() -> None:
    """End here, if that was asked for.

    Raises:
        Stopped: it was.
    """
    if _request.reason is not None:
        raise Stopped(_request.reason)


def seconds_left() -> float | None:
    """Until the time limit; None where there is none."""
    return None if _request.deadline is None else _request.deadline - time.monotonic()


def begin() -> None:
    """A run begins: its pace is not that of the one before."""
    _request.last, _request.longest = time.monotonic(), 0.0


def note_progress() -> None:
    """Something new is kept, and need not be done again."""
    _request.progressed = True


def progressed() -> bool:
    """Whether anything new was kept since signals are listened to."""
    return _request.progressed


def safe_point() -> None:
    """A new state is kept: end here if that was asked for, or if the time limit would come before
    the next safe point.

    Raises:
        Stopped: one of the two.
    """
    note_progress()
    stop_if_asked()
    now = time.monotonic()
    if _request.last is not None:
        _request.longest = max(_request.longest, now - _request.last)
    _request.last = now
    left = seconds_left()
    if left is not None and left < ROOM * _request.longest:
        _request.reason = TIME_LIMIT
        raise Stopped(TIME_LIMIT)


@contextmanager
def listening(
    *,
    time_limit: float | None = None,
    at_once: bool = True,
    signals: Sequence[signal.Signals] = SIGNALS,
    led: bool = False,
) -> Iterator[None]:
    """Note signals for the time of the block.

    Args:
        time_limit: seconds from now.
        at_once: when time is over, stop wherever this process is; else that is only noted.
        signals: which.
        led: another process leads this one, and interrupts it as well when both were interrupted:
            from the second time on that is no news.
    """
    global _request
    _request = _Request()
    before = {number: signal.signal(number, _note) for number in signals}
    if signal.SIGINT not in before:
        interrupt = _interrupt_once if led else _interrupt
        before[signal.SIGINT] = signal.signal(signal.SIGINT, interrupt)
    if time_limit is not None:
        _request.deadline = time.monotonic() + time_limit
        over = _stop_at_once if at_once else _note_time
        before[signal.SIGALRM] = signal.signal(signal.SIGALRM, over)
        signal.setitimer(signal.ITIMER_REAL, max(time_limit, SOON))
    try:
        yield
    finally:
        if time_limit is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
        _request = _Request()


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, _leave)
    raise KeyboardInterrupt


def _interrupt_once(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _leave(number: int, frame: FrameType | None) -> None:
    """What is on disk is whole at any moment, as it is for a process that is killed."""
    os._exit(ExitCode.INTERRUPTED)


def _note(number: int, frame: FrameType | None) -> None:
    _request.reason = signal.Signals(number).name


def _note_time(number: int, frame: FrameType | None) -> None:
    _request.reason = TIME_LIMIT


def _stop_at_once(number: int, frame: FrameType | None) -> None:
    _request.reason = TIME_LIMIT
    raise Stopped(TIME_LIMIT)

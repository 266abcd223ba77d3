"""Ticker: the progress of long work, in a plain line now and then, with the time that is left.
Quick work is silent.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

EVERY_SECONDS = 10.0
SIGN_SECONDS = 25.0
"""How often work that has nothing new to say shows that it goes on."""


def left_in_words(seconds: float | None) -> str:
    """The time that is left; nothing where it is not known yet."""
    return "" if seconds is None else f"about {seconds:.0f} s left"


class Ticker:
    """Called with how many of `total` are done, it prints a line every ten seconds, the first one
    after ten.

    Args:
        what: the sentence, such as "eurosat: scanning images".
    """

    def __init__(self, what: str, total: int, *, stream: TextIO | None = None) -> None:
        self._what = what
        self._total = total
        self._stream = stream or sys.stderr
        self._start = time.monotonic()
        self._last_line = self._start
        self._first: int | None = None

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if self._first is None:
            # What is done at the first call may have been kept by an earlier process and took no
            # time now: the speed is measured from here on.
            self._first = done
            self._start = now
            return
        if now - self._last_line < EVERY_SECONDS or done >= self._total:
            return
        self._last_line = now
        seconds_each = (now - self._start) / max(1, done - self._first)
        left = seconds_each * (self._total - done)
        print(
            f"{self._what}: {done:,} of {self._total:,}, {left_in_words(left)}",
            file=self._stream,
            flush=True,
        )


@contextmanager
def signs_of_life(
    line: Callable[[], str], *, stream: TextIO | None = None, every: float = SIGN_SECONDS
) -> Iterator[None]:
    """For the time of the block, print a line again and again, whatever the block is at.

    Args:
        line: makes it, in another thread.
    """
    done = threading.Event()

    def show() -> None:
        while not done.wait(every):
            print(line(), file=stream or sys.stderr, flush=True)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()

"""Ticker: that something long is going on, in a plain line now and then, with the time that is
left. Quick work is silent.
"""

import sys
import time
from typing import TextIO

EVERY_SECONDS = 10.0


class Ticker:
    """Told how many of `total` are done, it says so every ten seconds, the first time after ten.

    Args:
        what: the sentence, such as "eurosat: scanning images".
    """

    def __init__(self, what: str, total: int, *, stream: TextIO | None = None) -> None:
        self._what, self._total, self._stream = what, total, stream or sys.stderr
        self._start = self._said = time.monotonic()
        self._first: int | None = None

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if self._first is None:  # what an earlier process did took no time now
            self._first, self._start = done, now
            return
        if now - self._said < EVERY_SECONDS or done >= self._total:
            return
        self._said = now
        left = (now - self._start) / max(1, done - self._first) * (self._total - done)
        print(
            f"{self._what}: {done:,} of {self._total:,}, about {left:.0f} s left",
            file=self._stream,
            flush=True,
        )

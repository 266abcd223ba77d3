"""The bar of a grid on a terminal: runs, time left, the last accuracy. In a log each run that ends
has a line of its own, and between them a line now and then says what is under way.
"""

import sys
import time
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from clvl_bench.core.errors import printable
from clvl_bench.core.ticker import left_in_words, signs_of_life

if TYPE_CHECKING:
    from clvl_bench.runs.config import RunConfig
    from clvl_bench.runs.grid import Outcome
    from clvl_bench.runs.tasks import Told


class GridProgress:
    """How far a grid is.

    Args:
        runs: how many are to do.
    """

    def __init__(self, runs: int, *, stream: TextIO | None = None) -> None:
        self._runs = runs
        self._stream = stream or sys.stderr
        self._start = time.monotonic()
        self._ended = 0
        self._parts: dict[str, float] = {}
        """Of each run under way, the part that is learned."""
        self._under_way: dict[str, str] = {}
        """The same in words."""
        self._signs = ExitStack()
        self._last = ""
        self._bars: Any = None

    def __enter__(self) -> Self:
        if self._stream.isatty() and self._runs:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (
                TextColumn("runs"),
                BarColumn(24),
                TextColumn("{task.fields[done]}"),
                TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"),
                TextColumn("{task.fields[last]}", markup=False),
            )
            # Lines of runs that end go above the bar, but never from a pipe to the terminal.
            self._bars = Progress(
                *columns,
                console=Console(file=self._stream),
                transient=True,
                redirect_stdout=sys.stdout.isatty(),
            )
            self._bars.start()
            self._bars.add_task("runs", total=self._runs, **self._fields())
        else:
            self._signs.enter_context(signs_of_life(self._line, stream=self._stream))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._signs.close()
        if self._bars is not None:
            self._bars.stop()

    def told(self, config: "RunConfig", told: "Told") -> None:
        """How a run is."""
        if told.is_end:  # or it is another process's: then nothing of it is said here any more
            self._under_way.pop(config.id, None)
            return
        learned = f"{told.learned}/{told.experiences or '?'}"
        self._under_way[config.id] = f"{config.strategy} seed {config.seed} {learned}"
        if told.experiences:
            self._parts[config.id] = told.learned / told.experiences
        if told.accuracy is not None:
            self._last = f"{config.strategy} {100 * told.accuracy:.1f} %"
        self._update()

    def ended(self, outcome: "Outcome") -> None:
        """A run came to its end, here or elsewhere."""
        self._parts.pop(outcome.config.id, None)
        self._ended += 1
        if outcome.accuracy is not None:
            self._last = f"{outcome.config.strategy} {100 * outcome.accuracy:.1f} %"
        self._update()

    def seconds_left(self) -> float | None:
        """As long for each run that is left as the runs so far took; None where none is known."""
        done = self._ended + sum(self._parts.values())
        if not done:
            return None
        return (time.monotonic() - self._start) / done * (self._runs - done)

    def _line(self) -> str:
        """What a log says from time to time."""
        # A copy: this is another thread than the one that fills it.
        under_way = ", ".join(list(self._under_way.values())) or "nothing of this process"
        left = left_in_words(self.seconds_left())
        told = [f"{self._ended}/{self._runs} runs ended", f"under way: {under_way}", left]
        return printable("; ".join(each for each in told if each))

    def _fields(self) -> dict[str, Any]:
        return {
            "completed": self._ended + sum(self._parts.values()),
            "done": f"{self._ended}/{self._runs}",
            "left": left_in_words(self.seconds_left()),
            "last": printable(self._last),
        }

    def _update(self) -> None:
        if self._bars is not None:
            self._bars.update(self._bars.task_ids[0], **self._fields())

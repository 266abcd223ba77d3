"""Progress: nested bars with time left on a terminal, one plain line at most every 30 s
elsewhere.
"""

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, TextIO

from clvl_bench.core.ticker import left_in_words
from clvl_bench.training.loggers import EveryProcessLogger
from clvl_bench.training.time_left import TimeLeft, Work

PLAIN_SECONDS = 30.0


class Progress(EveryProcessLogger):
    """Listens to a strategy's loop. Levels: experiences of the run, epochs of the experience,
    batches of the epoch.

    Args:
        work: what each experience takes.
    """

    def __init__(
        self,
        title: str,
        work: Sequence[Work],
        *,
        silent: bool = False,
        stream: TextIO | None = None,
    ) -> None:
        super().__init__()
        self._title = title
        self._experiences = len(work)
        self._time_left = TimeLeft(work)
        self._silent = silent
        self._stream = stream or sys.stderr
        self._start = self._spoken = self._last_end = time.monotonic()
        self._evaluation_began = 0.0
        self._evaluated = 0.0
        """Seconds of evaluation since the last experience."""
        self._done = 0
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> "Progress":
        if self._stream.isatty() and not self._silent:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                TextColumn,
                TimeElapsedColumn,
            )
            from rich.progress import Progress as Bars

            columns = (
                TextColumn("{task.description:<12}"),
                BarColumn(24),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"),
            )
            self._bars = Bars(*columns, console=Console(file=self._stream), transient=True)
            self._bars.start()
            self._tasks = {
                "experiences": self._bars.add_task("experience", total=self._experiences, left=""),
                "epochs": self._bars.add_task("epoch", total=None, visible=False, left=""),
                "batches": self._bars.add_task("batch", total=None, visible=False, left=""),
            }
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def resumed(self, trained: int) -> None:
        """The run goes on after that many experiences."""
        self._done = trained
        self._last_end, self._evaluated = time.monotonic(), 0.0
        self._update("experiences", completed=trained)

    def experience_done(self, trained: int) -> None:
        """An experience is learned and evaluated."""
        self._done = trained
        now = time.monotonic()
        self._time_left.learned(
            trained,
            train_seconds=now - self._last_end - self._evaluated,
            evaluate_seconds=self._evaluated,
        )
        self._last_end, self._evaluated = now, 0.0
        self._update("experiences", completed=trained, left=self._left())
        self._say(f"experience {trained}/{self._experiences} done", always=True)

    @property
    def seconds_left(self) -> float | None:
        """What the experiences that are left will take; None before one is learned."""
        return self._time_left.seconds(time.monotonic() - self._last_end)

    # --- Avalanche's callbacks ---

    def before_training_exp(self, strategy: Any, metric_values: Any, **kwargs: Any) -> None:
        self._update(
            "epochs", total=strategy.train_epochs, completed=0, visible=strategy.train_epochs > 0
        )

    def before_training_epoch(self, strategy: Any, metric_values: Any, **kwargs: Any) -> None:
        self._update("batches", total=len(strategy.dataloader), completed=0, visible=True)

    def after_training_iteration(self, strategy: Any, metric_values: Any, **kwargs: Any) -> None:
        clock = strategy.clock
        self._update("batches", completed=clock.train_epoch_iterations + 1)
        self._update("experiences", left=self._left())
        self._say(
            f"experience {self._done + 1}/{self._experiences}, epoch "
            f"{clock.train_exp_epochs + 1}/{strategy.train_epochs}, "
            f"batch {clock.train_epoch_iterations + 1}/{len(strategy.dataloader)}"
        )

    def after_training_epoch(self, strategy: Any, metric_values: Any, **kwargs: Any) -> None:
        self._update("epochs", completed=strategy.clock.train_exp_epochs + 1)

    def before_eval(self, strategy: Any, metric_values: Any, **kwargs: Any) -> None:
        self._evaluation_began = time.monotonic()

    def after_eval(self, strategy: Any, metric_values: Any, **kwargs: Any) -> None:
        self._evaluated += time.monotonic() - self._evaluation_began

    def before_eval_exp(self, strategy: Any, metric_values: Any, **kwargs: Any) -> None:
        self._say("evaluating")

    def _update(self, task: str, **changes: Any) -> None:
        if self._bars is not None:
            self._bars.update(self._tasks[task], **changes)

    def _say(self, what: str, *, always: bool = False) -> None:
        """A plain line where there is no terminal: seldom, so that the log of a long run stays
        small.
        """
        now = time.monotonic()
        if (
            not self._silent
            and self._bars is None
            and now - self._spoken >= (PLAIN_SECONDS / 10 if always else PLAIN_SECONDS)
        ):
            self._spoken = now
            left = self._left()
            end = f", {left}" if left else ""
            line = f"{self._title}: {what}, {now - self._start:.0f} s{end}"
            print(line, file=self._stream, flush=True)

    def _left(self) -> str:
        return left_in_words(self.seconds_left)

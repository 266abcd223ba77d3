"""Observers of runs that several tests use: who learned, where a run went on, when it stops."""

from typing import Any

from clvl_bench.runs.checkpoint import Checkpoint
from clvl_bench.runs.observer import RunObserver
from clvl_bench.runs.setup import Prepared


class Learner(RunObserver):
    """Remembers the strategy that learned; `plugins` are put behind its own."""

    def __init__(self, *plugins: Any) -> None:
        self._plugins = plugins
        self.strategy: Any = None

    def strategy_built(self, strategy: Any, prepared: Prepared, *, untouched: bool) -> None:
        if not untouched:
            strategy.plugins.extend(self._plugins)
            self.strategy = strategy


class Interrupted(RunObserver):
    """Interrupts a run once the state behind so many experiences is kept."""

    def __init__(self, behind: int) -> None:
        self._behind = behind

    def state_kept(self, checkpoint: Checkpoint) -> None:
        if checkpoint.done == self._behind:
            raise KeyboardInterrupt


class Resumed(RunObserver):
    """Notes for each run behind how many experiences it went on, None if it started anew."""

    def __init__(self) -> None:
        self.at: list[int | None] = []

    def resumed(self, done: int | None) -> None:
        self.at.append(done)

"""Observer: who wants to see a run under way, or to step in, writes a subclass of `RunObserver`.

It is what tests use instead of patching the runner's internals, and what a notebook uses to look
at a strategy while it learns. Callbacks inside a training or an evaluation (each batch, each epoch)
are Avalanche's: append a plugin to `strategy.plugins` when it is built.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clvl_bench.runs.checkpoint import Checkpoint
    from clvl_bench.runs.setup import Prepared
    from clvl_bench.streams.online import OnlineStep
    from clvl_bench.streams.scenario import Experience
    from clvl_bench.training.strategy import AdaptationStrategy


class RunObserver:
    """Is called at the joints of a run; each method here does nothing, override what you need.

    What a method raises ends the run as if it had happened there: `KeyboardInterrupt` interrupts
    it, and the next start goes on from the state that was kept last.

    The order of a run that starts anew: `prepared`, `strategy_built` (the learner),
    `resumed(None)`, `strategy_built` (the untouched backbone), an evaluation, `state_kept`; then
    for each experience a training, an evaluation, `state_kept`. A run that goes on has no untouched
    backbone. A run that is finished already calls `prepared` alone.

    Example:
        >>> class Stop(RunObserver):
        ...     def state_kept(self, checkpoint):
        ...         if checkpoint.done == 1:
        ...             raise KeyboardInterrupt
    """

    def prepared(self, prepared: "Prepared") -> None:
        """Weights are loaded, data read, the stream planned; what is changed here is learned from.

        The provenance is written down already.
        """

    def strategy_built(
        self, strategy: "AdaptationStrategy", prepared: "Prepared", *, untouched: bool
    ) -> None:
        """A strategy is ready, and nothing was asked of it yet.

        Args:
            untouched: it is the backbone alone, for row 0; else the learner.
        """

    def resumed(self, done: int | None) -> None:
        """The run goes on after so many experiences; None: it starts anew."""

    def before_training(self, strategy: "AdaptationStrategy", experience: "Experience") -> None:
        """An experience is about to be learned; its labels are not revealed yet."""

    def after_training(self, strategy: "AdaptationStrategy", experience: "Experience") -> None:
        """It is learned, and not yet evaluated."""

    def before_step(self, strategy: "AdaptationStrategy", step: "OnlineStep") -> None:
        """A step of an online stream is about to be predicted and learned, within a training."""

    def before_evaluation(self, strategy: "AdaptationStrategy") -> None:
        """All experiences that can be scored by now are about to be."""

    def after_evaluation(self, strategy: "AdaptationStrategy") -> None:
        """They are scored; their rows are among the records, and no state was kept since."""

    def state_kept(self, checkpoint: "Checkpoint") -> None:
        """The state from which the run can go on is on the disk, with all rows before it."""

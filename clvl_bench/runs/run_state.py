"""Run state: a run under way, and how it is kept and taken up again.

What is kept is a checkpoint (who learns, and how far the stream is) and, before it, a segment with
the rows and predictions since the one before. A run goes on from a checkpoint only if all segments
that it names are as they were written.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from avalanche.training.plugins import EvaluationPlugin
from safetensors.numpy import save

from clvl_bench.core import stopping, world
from clvl_bench.core.resources import Stopwatch
from clvl_bench.exporters.exports import Exports
from clvl_bench.records.rows import Record
from clvl_bench.records.run_folder import RunFolder
from clvl_bench.records.segment import COLUMNS, Segment
from clvl_bench.runs import checkpoint
from clvl_bench.runs.checkpoint import Checkpoint
from clvl_bench.runs.frozen import FrozenTensors
from clvl_bench.runs.observer import RunObserver
from clvl_bench.runs.setup import Prepared
from clvl_bench.streams.scenario import Experience
from clvl_bench.training.evaluation import Predictions, RecordLogger
from clvl_bench.training.online import OnlineStrategy, build_online_strategy
from clvl_bench.training.online_runner import OnlineRunner
from clvl_bench.training.strategy import AdaptationStrategy, build_strategy
from clvl_bench.training.stream_runner import ExperienceRunner, StreamRunner


class RunState:
    """A run under way: what it stands on, who learns, what was measured.

    Args:
        exports: are handed the rows that were kept.
        log: collects the rows of the run.
        predictions: collects what is predicted until a state is kept.
    """

    def __init__(
        self,
        prepared: Prepared,
        folder: RunFolder,
        watch: Stopwatch,
        observer: RunObserver,
        exports: Exports,
        *,
        strategy: AdaptationStrategy,
        log: RecordLogger,
        predictions: list[Predictions],
    ) -> None:
        self.prepared = prepared
        self.folder = folder
        self.watch = watch
        self.observer = observer
        self._exports = exports
        self.strategy = strategy
        self.log = log
        self.segments: list[Segment] = []
        self._predictions = predictions
        self._rows_kept = 0
        self._frozen = FrozenTensors(folder.state)
        self._runner = _stream_runner(prepared, strategy, log, observer)

    def learn(self, experience: Experience, number: int) -> None:
        """The training experience of that number, from 1."""
        self._runner.learn(experience, number, keep=self._keep_between_steps)

    def finish_stream(self) -> None:
        """Record what is known of the whole stream, before the last state is kept."""
        self._runner.finish()

    @property
    def new_records(self) -> list[Record]:
        """The rows since a state was kept."""
        return self.log.records[self._rows_kept :]

    # --- keeping ---

    def keep(self) -> None:
        """Write what was measured, then the state from which the run can go on behind it."""
        self._append_segment()
        if world.is_first():
            self._write_checkpoint()

    def _write_checkpoint(self) -> None:
        done = self._runner.done
        kept = Checkpoint(
            done=done,
            # Before it learns, a learner is what its settings and its seed make of it.
            state=self.strategy.state() if done else {},
            notes={
                "provenance": self.prepared.provenance,
                "seconds": self.watch.seconds,
                "stream": self._runner.state(),
            },
            segments=tuple(self.segments),
        )
        checkpoint.write(self.folder.state, kept, frozen=self._frozen, changes=self.folder.changes)
        self._exports.hand_over(self.log.records)
        self.observer.state_kept(kept)

    def _keep_between_steps(self) -> None:
        self.keep()
        world.decided(stopping.safe_point)

    def _append_segment(self) -> None:
        """Nothing where nothing was measured: a window of an online stream may not be full yet."""
        rows = self.new_records
        if not rows and not self._predictions:
            return
        segment = self.folder.append(
            len(self.segments),
            trained=self.strategy.n_experiences,
            records=rows,
            predictions=_packed(self._predictions) if self._predictions else None,
        )
        self.segments.append(segment)
        self._rows_kept = len(self.log.records)
        self._predictions.clear()

    # --- taking up ---

    def resume(self) -> int | None:
        """Take up the newest checkpoint that fits; the number of experiences done.

        None where there is nothing to take up. What was learned by other code, versions, data,
        weights or numbers of processes than those of now is dropped: a result has one provenance.
        """
        # The first removes what does not fit, so that the others find what it found.
        with world.first_ahead():
            done = self._taken_up()
        world.agree("kept state", done)
        return done

    def _taken_up(self) -> int | None:
        found = checkpoint.latest(
            self.folder.state, damaged=self._damaged, changes=self.folder.changes
        )
        if found is None or not self._same_origin(found):
            self.folder.begin_anew()
            self._exports.begin_anew()
            return None
        self.folder.drop_all_but(found.segments)
        self.segments = list(found.segments)
        self.log.records[:] = self.folder.records(found.segments)
        self._rows_kept = len(self.log.records)
        if found.done:
            self.strategy.load(found.state)
            self._frozen.take_up(found.frozen, checkpoint.tensors_of(found.state))
        self._runner.load(found.notes["stream"], done=found.done)
        for what, spent in found.notes["seconds"].items():
            self.watch.seconds[what] = self.watch.seconds.get(what, 0.0) + spent
        return self._runner.experiences_done

    def _damaged(self, found: Checkpoint) -> Path | None:
        """The first file that the checkpoint stands on and that is not as written."""
        if not self._same_origin(found):
            return None  # it is dropped whole, whatever is left of it
        return self.folder.damaged(found.segments)

    def _same_origin(self, found: Checkpoint) -> bool:
        return bool(found.notes["provenance"] == self.prepared.provenance)


def build_learner(prepared: Prepared, evaluator: EvaluationPlugin) -> AdaptationStrategy:
    """The strategy of a run, for experiences or for an online stream.

    Raises:
        Mistake: it needs something that the backbone or the benchmark does not have.
    """
    config = prepared.config
    stream = config.benchmark_config
    if stream.online is None:
        return build_strategy(
            config.strategy_config,
            prepared.backbone,
            prepared.benchmark.view,
            evaluator=evaluator,
            seed=config.seed,
            features=prepared.features,
            teacher=prepared.teacher,
            device=prepared.device,
        )
    return build_online_strategy(
        config.strategy_config,
        prepared.backbone,
        prepared.benchmark.view,
        online=stream.online,
        rewarding=stream.supervision.kind == "reward",
        evaluator=evaluator,
        seed=config.seed,
        features=prepared.features,
        teacher=prepared.teacher,
        device=prepared.device,
    )


def _stream_runner(
    prepared: Prepared, strategy: AdaptationStrategy, log: RecordLogger, observer: RunObserver
) -> StreamRunner:
    config = prepared.config.benchmark_config
    if config.online is None:
        all_labelled = config.supervision.kind == "full"
        return ExperienceRunner(prepared.benchmark, strategy, log, all_labelled=all_labelled)
    assert isinstance(strategy, OnlineStrategy)
    return OnlineRunner(
        prepared.benchmark,
        config.online,
        strategy,
        log,
        budget=config.memory_budget,
        before_step=partial(observer.before_step, strategy),
    )


def _packed(predictions: Sequence[Predictions]) -> bytes:
    """As safetensors."""
    columns = {}
    for each in predictions:
        for name, kind in COLUMNS.items():
            key = f"{each.measured.stream}/{each.measured.experience}/{name}"
            columns[key] = getattr(each, name).astype(kind)
    packed: bytes = save(columns)
    return packed

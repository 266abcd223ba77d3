"""Stream runners: how a train stream reaches a strategy, with the labels in the runner's hand.

Here is what both kinds share, and the one for streams that are learned experience by experience;
online_runner.py has the one for streams of steps.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from clvl_bench.methods._base.plugin import PseudoLabels
from clvl_bench.streams.benchmark import Benchmark
from clvl_bench.streams.label_delay import NEVER
from clvl_bench.streams.scenario import Experience
from clvl_bench.training.evaluation import Measured, RecordLogger
from clvl_bench.training.prequential import PseudoTally
from clvl_bench.training.strategy import AdaptationStrategy

Ids = NDArray[np.int64]


class StreamRunner(Protocol):
    """One run's way through the train stream of a benchmark."""

    @property
    def done(self) -> int:
        """What a state is counted by: experiences, or in an online stream steps."""

    @property
    def experiences_done(self) -> int:
        """How many experiences are learned to their end."""

    def learn(self, experience: Experience, number: int, *, keep: Callable[[], None]) -> None:
        """Learn the training experience of that number, from 1.

        Args:
            keep: writes the state of the run; called between two steps, where there are steps.
        """

    def finish(self) -> None:
        """The stream is over: record what is known of it as a whole."""

    def state(self) -> dict[str, Any]:
        """Plain values, enough to go on."""

    def load(self, state: dict[str, Any], *, done: int) -> None:
        """Go on behind what was done: the labels that had arrived by then are there again."""


class ExperienceRunner:
    """Labels of an experience arrive at its start, of those samples that have one.

    Args:
        all_labelled: every training sample has its label; then nothing is said about labels.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        strategy: AdaptationStrategy,
        log: RecordLogger,
        *,
        all_labelled: bool,
    ) -> None:
        self._benchmark = benchmark
        self._label_store = benchmark.label_store
        self._strategy = strategy
        self._log = log
        self._all_labelled = all_labelled
        self.done = 0

    @property
    def experiences_done(self) -> int:
        return self.done

    def learn(self, experience: Experience, number: int, *, keep: Callable[[], None]) -> None:
        self._label_store.reveal(experience.spec.ids)
        self._strategy.train(experience, eval_streams=[])
        said = self._strategy.pseudo_labels()
        if said:
            self._judge(said, experience)
        self.done = number

    def finish(self) -> None:
        """How many training samples had a label."""
        if self._all_labelled:
            return
        train = self._benchmark.view.plan.streams["train"]
        samples = np.unique(np.concatenate([spec.ids for spec in train]))
        arrivals = self._label_store.arrivals[samples]
        n = len(arrivals)
        used = int((arrivals != NEVER).sum())
        rows = {
            "labels_used": used,
            "labels_never": n - used,
            "labelled_share": used / n,
            "mean_delay": 0,
        }
        for metric, value in rows.items():
            measured = Measured(metric, self._strategy.n_experiences, "train", -1, "", n)
            self._log.add(measured, float(value))

    def state(self) -> dict[str, Any]:
        return {}

    def load(self, state: dict[str, Any], *, done: int) -> None:
        for experience in self._benchmark.scenario.train_stream[:done]:
            self._label_store.reveal(experience.spec.ids)
        self.done = done

    def _judge(self, said: list[PseudoLabels], experience: Experience) -> None:
        """Of the last epoch: the share that was learned from, and the share of these that was
        right.
        """
        ids = np.concatenate([each.ids for each in said])
        labels = np.concatenate([each.labels for each in said])
        kept = np.concatenate([each.kept for each in said])
        true = self._label_store.of(ids)
        right = (labels == true)[kept]
        self._add("pseudo_coverage", experience, float(kept.mean()), len(kept))
        if len(right):
            self._add("pseudo_precision", experience, float(right.mean()), len(right))
        classes = experience.plan.classes
        tally = PseudoTally(len(classes))
        tally.add(labels, kept, true)
        for class_id, name, value, n in tally.rates():
            self._add(name, experience, value, n, of_class=classes[class_id].title)

    def _add(
        self, metric: str, experience: Experience, value: float, n: int, *, of_class: str = ""
    ) -> None:
        trained, index = self._strategy.n_experiences, experience.spec.index
        self._log.add(Measured(metric, trained, "train", index, of_class, n), value)

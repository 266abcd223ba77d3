"""Online runner: an online stream step by step, with the labels in one hand and the learner in the
other.

The order within a step is that of the strategy (training/online.py); here is what only the runner
may do in between: score, reveal what is due, count. Records are one row a window and rate, so that
a stream of any length leaves a few hundred.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clvl_bench.core.errors import RunFailed
from clvl_bench.methods._base.adapter import predict
from clvl_bench.streams.benchmark import Benchmark
from clvl_bench.streams.label_delay import NEVER
from clvl_bench.streams.online import OnlineStep, steps
from clvl_bench.streams.online_config import Online
from clvl_bench.streams.plan import steps_of
from clvl_bench.streams.scenario import Experience
from clvl_bench.training.evaluation import Measured, RecordLogger
from clvl_bench.training.online import OnlineStrategy
from clvl_bench.training.prequential import Prequential, PseudoTally, Window

Ids = NDArray[np.int64]


class OnlineRunner:
    """One run's way through the train stream of a benchmark, as `StreamRunner` says it.

    Args:
        budget: bytes that the strategy may keep at any step.
        before_step: is told of each step before anything is done with it.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        online: Online,
        strategy: OnlineStrategy,
        log: RecordLogger,
        *,
        budget: int | None,
        before_step: Callable[[OnlineStep], None],
    ) -> None:
        plan = benchmark.view.plan
        self._label_store = benchmark.label_store
        self._inputs = benchmark.view.inputs
        self._classes = plan.classes
        self._online = online
        self._strategy = strategy
        self._log = log
        self._budget = budget
        self._before_step = before_step
        self._ids_of_experiences = [spec.ids for spec in plan.streams["train"]]
        counts = [len(steps_of(ids, online.step_size)) for ids in self._ids_of_experiences]
        self._ends = list(itertools.accumulate(counts))
        """The number of the first step behind each experience."""
        self._ids_of_steps: list[Ids] = []
        """Needed where samples of later steps are scored, too."""
        if online.ahead:
            for ids in self._ids_of_experiences:
                self._ids_of_steps += steps_of(ids, online.step_size)
        self._pseudo = PseudoTally(len(self._classes))
        self.scores = Prequential(
            steps=self._ends[-1], windows=online.windows, classes=len(self._classes)
        )

    @property
    def done(self) -> int:
        """Steps so far."""
        return self.scores.done

    @property
    def experiences_done(self) -> int:
        return sum(end <= self.done for end in self._ends)

    def state(self) -> dict[str, Any]:
        return {**self.scores.state(), "pseudo": self._pseudo.state()}

    def load(self, state: dict[str, Any], *, done: int) -> None:
        """Go on behind the last step that was done: what had arrived by then is there again."""
        self.scores.load(state)
        self._pseudo.load(state["pseudo"])
        if self._label_store.rewarding:
            return
        for step in range(self.done):
            self._label_store.reveal(self._label_store.due(step))

    def learn(self, experience: Experience, number: int, *, keep: Callable[[], None]) -> None:
        """The steps of the experience of that number (from 1), but for those that were done
        before.
        """
        start = self._ends[number - 2] if number > 1 else 0
        done_here = max(0, self.done - start)
        size = self._online.step_size
        for step in steps(experience, size=size, start=start, skip=done_here):
            self._before_step(step)
            self._step(step)
            # Behind the last step comes an evaluation; the state is kept after it.
            if self.done % self._online.checkpoint_steps == 0 and not step.is_last_subexp:
                keep()

    def _step(self, step: OnlineStep) -> None:
        """Predict and score, let arrive what is due, learn from it, count."""
        self._predict(step)
        if self._online.ahead:
            self._score_ahead(step, self._online.ahead)
        self._learn_from_what_is_due(step)
        self._judge_pseudo_labels()
        self._refuse_over_budget(step)
        window = self.scores.step()
        if window is not None:
            self._record(window)

    def _predict(self, step: OnlineStep) -> None:
        seen = self._strategy.predict_step(step)
        if bool(torch.isnan(seen.scores).any()) and self._strategy.has_texts(step):
            raise self._strategy.broken(f"scores are not numbers at step {step.number}")
        self.scores.scored(
            seen.predicted.cpu().numpy(),
            seen.actions.cpu().numpy(),
            self._label_store.of(step.spec.ids),
            rewarding=self._label_store.rewarding,
        )

    def _score_ahead(self, step: OnlineStep, ahead: int) -> None:
        """Near future: labels of now say less about samples that come later (Hammoud et al. 2023,
        arXiv:2305.09275).
        """
        later = step.number + ahead
        if later >= len(self._ids_of_steps):
            return
        samples = self._ids_of_steps[later]
        ids = torch.from_numpy(samples)
        found = predict(self._strategy.scores(step, ids, self._inputs(ids)))
        self.scores.ahead(found.cpu().numpy(), self._label_store.of(samples))

    def _learn_from_what_is_due(self, step: OnlineStep) -> None:
        """Rewards for actions that were taken, or labels."""
        store, strategy = self._label_store, self._strategy
        due = store.due(step.number)
        if store.rewarding:
            known, actions = strategy.pending.chosen(due)
            strategy.learn(step, known, store.reward(known, actions))
            self.scores.arrived(np.empty(0, dtype=np.int64), len(due))
        else:
            store.reveal(due)
            self.scores.arrived(store.visible_labels[due], len(due))
            strategy.learn(step, due)

    def _judge_pseudo_labels(self) -> None:
        for said in self._strategy.pseudo_labels():
            true = self._label_store.of(said.ids)
            self.scores.pseudo(said.labels, said.kept, true)
            self._pseudo.add(said.labels, said.kept, true)

    def _refuse_over_budget(self, step: OnlineStep) -> None:
        if self._budget is None:
            return
        kept = self._strategy.kept_bytes()
        if kept > self._budget:
            raise RunFailed(
                f"memory: {kept} bytes are kept at step {step.number}, the benchmark's "
                f"memory_budget is {self._budget}; "
                "keep fewer samples (memory_size, train.pending_size) or train fewer parameters"
            )

    def _record(self, window: Window) -> None:
        for name, value, n in window.rates():
            self._add(name, window.index, value, n)
        self._add("labels_arrived", window.index, window.sums.get("arrived", 0.0), window.steps)
        self._add("kept_bytes_at", window.index, float(self._strategy.kept_bytes()), window.steps)

    def finish(self) -> None:
        """What became of all labels: arrived, due behind the end, never there, there for a sample
        that had to go; and how right pseudo-labels were, class by class.
        """
        due = self._label_store.arrivals[np.concatenate(self._ids_of_experiences)]
        comes = due != NEVER
        late = due >= self.done
        lost = self._strategy.pending.lost
        delays = (due - self._step_of_each_sample())[comes]
        rows = {
            "labels_used": int((comes & ~late).sum()) - lost,
            "labels_late": int(late.sum()),
            "labels_never": int((~comes).sum()),
            "labels_lost": lost,
            "labelled_share": float(comes.mean()),
            "mean_delay": float(delays.mean()) if len(delays) else 0.0,
        }
        for name, count in rows.items():
            self._add(name, -1, float(count), len(due))
        for class_id, name, value, n in self._pseudo.rates():
            self._add(name, -1, value, n, of_class=self._classes[class_id].title)

    def _step_of_each_sample(self) -> Ids:
        """The step at which each sample of the stream comes [samples]."""
        starts = [0, *self._ends[:-1]]
        of_experiences = [
            start + np.arange(len(ids)) // self._online.step_size
            for start, ids in zip(starts, self._ids_of_experiences, strict=True)
        ]
        return np.concatenate(of_experiences)

    def _add(self, metric: str, index: int, value: float, n: int, *, of_class: str = "") -> None:
        trained = self._strategy.n_experiences
        self._log.add(Measured(metric, trained, "train", index, of_class, n), value)

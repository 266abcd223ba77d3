"""Walk: an online stream step by step, with the truth in one hand and the learner in the other.

The order is that of the strategy (clvl_bench/online.py); here is what only the runner may do in
between: score, reveal what is due, count. Records are one row a window and rate, so that a stream
of any length leaves a few hundred.
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


class OnlineRunner:
    """One run's way through the train stream of a benchmark.

    Args:
        keep: writes the state of the run; called between two steps.
        budget: bytes that the strategy may keep at any step.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        online: Online,
        strategy: OnlineStrategy,
        log: RecordLogger,
        *,
        keep: Callable[[], None],
        budget: int | None,
    ) -> None:
        self._label_store, self._online, self._strategy, self._log = (
            benchmark.label_store,
            online,
            strategy,
            log,
        )
        self._keep, self._budget = keep, budget
        self._steps = benchmark.view.plan.streams["train"]
        ids = [step.ids for step in self._steps]
        self._stream = np.concatenate(ids)
        self._ends = list(
            itertools.accumulate(len(steps_of(each, online.step_size)) for each in ids)
        )
        self._parts = (
            [part for each in ids for part in steps_of(each, online.step_size)]
            if online.ahead
            else []
        )
        self._inputs = benchmark.view.inputs
        self._table = benchmark.view.plan.classes
        self._pseudo = PseudoTally(len(self._table))
        self.scores = Prequential(
            steps=self._ends[-1], windows=online.windows, classes=len(self._table)
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

    def load(self, state: dict[str, Any]) -> None:
        """Go on behind the last step that was done: what had arrived by then is there again."""
        self.scores.load(state)
        self._pseudo.load(state["pseudo"])
        if not self._label_store.rewarding:
            for step in range(self.done):
                self._label_store.reveal(self._label_store.due(step))

    def through(self, experience: Experience, number: int) -> None:
        """The steps of the stream's experience of that number (from 1), those that were done before
        left out.
        """
        start = self._ends[number - 2] if number > 1 else 0
        for step in steps(
            experience, size=self._online.step_size, start=start, skip=max(0, self.done - start)
        ):
            self._step(step)
            if self.done % self._online.checkpoint_steps == 0 and not step.is_last_subexp:
                self._keep()

    def _step(self, step: OnlineStep) -> None:
        truth, strategy = self._label_store, self._strategy
        ids = step.spec.ids
        seen = strategy.predict_step(step)
        predicted, actions = seen.predicted.cpu().numpy(), seen.actions.cpu().numpy()
        if bool(torch.isnan(seen.scores).any()) and strategy.has_texts(step):
            raise RunFailed(
                f"nan: scores are not numbers at step {step.number}; a smaller train.lr may help"
            )
        self.scores.scored(predicted, actions, truth.of(ids), rewarding=truth.rewarding)
        if self._online.ahead:
            self._score_ahead(step)
        due = truth.due(step.number)
        if truth.rewarding:
            known, chosen = strategy.pending.chosen(due)
            strategy.learn(step, known, truth.reward(known, chosen))
            self.scores.arrived(np.empty(0, dtype=np.int64), len(due))
        else:
            truth.reveal(due)
            self.scores.arrived(truth.visible_labels[due], len(due))
            strategy.learn(step, due)
        for said in strategy.pseudo_labels():
            true = truth.of(said.ids)
            self.scores.pseudo(said.labels, said.kept, true)
            self._pseudo.add(said.labels, said.kept, true)
        if self._budget is not None and (kept := strategy.kept_bytes()) > self._budget:
            raise RunFailed(
                f"memory: {kept} bytes are kept at step {step.number}, the benchmark's "
                f"memory_budget is {self._budget}; "
                "keep fewer samples (memory_size, train.pending_size) or train fewer parameters"
            )
        window = self.scores.step()
        if window is not None:
            self._record(window)

    def _score_ahead(self, step: OnlineStep) -> None:
        """Near future: labels of now say less about samples that come later (Hammoud et al. 2023,
        arXiv:2305.09275).
        """
        place = step.number + (self._online.ahead or 0)
        if place < len(self._parts):
            ids = torch.from_numpy(self._parts[place])
            found = predict(self._strategy.scores(step, ids, self._inputs(ids)))
            self.scores.ahead(found.cpu().numpy(), self._label_store.of(self._parts[place]))

    def _record(self, window: Window) -> None:
        for name, value, n in window.rates():
            self._add(name, window.index, value, n)
        self._add("labels_arrived", window.index, window.sums.get("arrived", 0.0), window.steps)
        self._add("kept_bytes_at", window.index, float(self._strategy.kept_bytes()), window.steps)

    def finish(self) -> None:
        """What became of all labels: arrived, due behind the end, never there, there for a sample
        that had to go; and how right pseudo-labels were, class by class.
        """
        due = self._label_store.arrivals[self._stream]
        arrived = int(((due != NEVER) & (due < self.done)).sum())
        rows = {
            "labels_used": arrived - self._strategy.pending.lost,
            "labels_late": int((due >= self.done).sum()),
            "labels_never": int((due == NEVER).sum()),
            "labels_lost": self._strategy.pending.lost,
            "labelled_share": float((due != NEVER).mean()),
            "mean_delay": float((due - self._shown())[due != NEVER].mean())
            if (due != NEVER).any()
            else 0.0,
        }
        for name, count in rows.items():
            self._add(name, -1, float(count), len(due))
        for place, name, value, n in self._pseudo.rates():
            self._log.add(
                Measured(
                    name, self._strategy.n_experiences, "train", -1, self._table[place].title, n
                ),
                value,
            )

    def _shown(self) -> NDArray[np.int64]:
        """The step that reveals each sample of the stream."""
        size, starts = self._online.step_size, [0, *self._ends[:-1]]
        counts = [len(step.ids) for step in self._steps]
        return np.concatenate(
            [start + np.arange(count) // size for start, count in zip(starts, counts, strict=True)]
        )

    def _add(self, metric: str, index: int, value: float, n: int) -> None:
        self._log.add(Measured(metric, self._strategy.n_experiences, "train", index, "", n), value)

"""Listening: a run as anybody starts it, with an ear at everything that an audit asks about.

What is scored, read and moved is noted as it happens; the run itself is not disturbed (an audit
compares its bytes).
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from avalanche.core import SupervisedPlugin
from torch import Tensor

from clvl_bench.audits.heard import Heard, Moment, bits, columns, state_bits
from clvl_bench.audits.reach import copies, facts, reachable
from clvl_bench.backbones.base import TowerBackbone
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.observer import RunObserver
from clvl_bench.runs.runner import evaluate, run
from clvl_bench.runs.setup import Prepared, Sources


class Enough(Exception):
    """What was to be heard has been heard."""


class Ear(SupervisedPlugin):
    """Sits behind all other plugins of a strategy.

    Args:
        walk: at which training experience everything reachable is noted, at its end, when all that
            it leaves is there.
        until: after which training experience the run is broken off.
    """

    def __init__(self, heard: Heard, *, walk: int | None, until: int | None) -> None:
        super().__init__()
        self.heard, self._walk, self._until = heard, walk, until
        self.closed = False
        self.listening_to: Any = None
        self.past: Tensor | None = None
        self._weights: dict[str, bytes] = {}

    @property
    def breaks_off(self) -> bool:
        """Whether the run does not come to its end."""
        return self._until is not None

    def now(self) -> Moment | None:
        """None between trainings and evaluations, when nobody has anything to read."""
        strategy = self.listening_to
        if strategy is None:
            return None
        step = strategy.experience.spec
        return Moment(
            strategy.is_training, step.stream, step.index, strategy.n_experiences, step.covers
        )

    def _here(self) -> Moment:
        at = self.now()
        assert at is not None, "it trains or evaluates"
        return at

    def before_training(self, strategy: Any, **kwargs: Any) -> None:
        self.listening_to = strategy

    def after_training(self, strategy: Any, **kwargs: Any) -> None:
        self.listening_to = None

    before_eval, after_eval = before_training, after_training

    def before_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        self._weights = bits(strategy.adapter)
        optimised = getattr(strategy, "optimizer", None)
        held = (
            {id(weight) for group in optimised.param_groups for weight in group["params"]}
            if optimised
            else set()
        )
        trainable = {
            name for name, weight in strategy.adapter.named_parameters() if weight.requires_grad
        }
        self.heard.declared.append((self._here(), trainable, held))

    # After the last step and before the experience ends: what a method does to its weights then is
    # no training.
    def after_training_epoch(self, strategy: Any, **kwargs: Any) -> None:
        now = bits(strategy.adapter)
        self.heard.moved.append(
            (self._here(), {name for name in now if now[name] != self._weights.get(name)})
        )

    def after_training_iteration(self, strategy: Any, **kwargs: Any) -> None:
        if strategy.mb_output is not None:
            self.heard.scored.append((self._here(), columns(strategy.mb_output)))

    def after_eval_iteration(self, strategy: Any, **kwargs: Any) -> None:
        at, scores = self._here(), strategy.mb_output
        self.heard.scored.append((at, columns(scores)))
        samples = zip(strategy.mbatch[2].tolist(), scores, strict=True)
        self.heard.evaluated.update({(at, sample): row for sample, row in samples})

    def after_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        at, truth = self._here(), self.heard.prepared.benchmark.label_store
        last = len(self.heard.prepared.benchmark.scenario.train_stream) - 1
        self.heard.states.append(state_bits(strategy))
        here = self._walk is not None and at.index == min(self._walk, last)
        if here and not self.heard.reached:  # of an experience in steps, the first
            self.heard.walked_after = len(self.heard.states)
            self.heard.visible_labels = truth.visible_labels.copy()
            self._look_around(strategy)
        if self._until is not None and at.index == min(self._until, last):
            raise Enough

    def _look_around(self, strategy: Any) -> None:
        """Note what is within the strategy's reach, and what it kept of experiences before."""
        # Texts of classes are shared by runs: each finds what others asked for.
        backbone = strategy.adapter.backbone
        of_classes = (getattr(backbone, name, None) for name in ("_class_features", "_tables"))
        ours = {id(self), id(self.heard), *map(id, of_classes)}
        found = list(reachable(strategy, name="strategy", ignore=ours))
        self.heard.reached = facts(found)
        self.heard.kept_samples = strategy.kept_samples()
        if self.past is not None:
            # Everybody holds the inputs of the whole stream, and the minibatch that came last.
            shared = (strategy._view.inputs, strategy._view.views, strategy.mbatch)
            inputs = list(reachable(shared, name="inputs", ignore=ours))  # alive, so are their ids
            known = {id(value) for _, value in inputs}
            kept = [(path, value) for path, value in found if id(value) not in known]
            self.heard.copies = copies(kept, self.past)


class Listener(RunObserver):
    """Puts the ear where the run can be heard."""

    def __init__(
        self,
        heard: Heard,
        ear: Ear,
        before: Callable[[Prepared], None],
        after_build: Callable[[Any, Prepared], None],
    ) -> None:
        self._heard, self._ear = heard, ear
        self._before, self._after_build = before, after_build

    def prepared(self, prepared: Prepared) -> None:
        self._heard.prepared = prepared
        if isinstance(prepared.backbone, TowerBackbone):
            self._heard.towers = bits(prepared.backbone.towers)
            prepared.backbone.images_encoded = 0  # by whoever found the cache empty
        self._before(prepared)
        if not self._ear.breaks_off:  # a run that is compared with another is asked no more
            self._ear.past = _inputs_of_the_first(prepared)
        view = prepared.benchmark.view
        read = {id(inputs): inputs for inputs in (prepared.features, view.inputs, view.views)}
        for inputs in read.values():
            if inputs is not None:
                _overhear_reads(inputs, self._ear)

    def strategy_built(self, strategy: Any, prepared: Prepared, *, untouched: bool) -> None:
        strategy.plugins.append(self._ear)
        if not untouched:
            self._heard.strategy = strategy
            self._after_build(strategy, prepared)
        _overhear_candidates(strategy.adapter, self._ear)


def listen(
    config: RunConfig,
    results: Path,
    *,
    sources: Sources,
    walk: int | None = None,
    until: int | None = None,
    before: Callable[[Prepared], None] = lambda prepared: None,
    after_build: Callable[[Any, Prepared], None] = lambda strategy, prepared: None,
) -> Heard:
    """A run as the runner does it; `before` may change what it stands on, `after_build` the
    strategy.
    """
    heard = Heard(config, results, sources, after_build)
    ear = Ear(heard, walk=walk, until=until)
    listener = Listener(heard, ear, before, after_build)
    with suppress(Enough):  # raised where `until` says so, and nowhere else
        heard.result = run(
            config, results=results, progress=False, observer=listener, sources=sources
        )
    ear.closed = True
    return heard


def _inputs_of_the_first(prepared: Prepared) -> Tensor | None:
    """What a learner reads of the first experience [n, ...]; None where it may go back to it, where
    there is nothing behind it, and of a stream in steps, of which samples wait for their labels.
    """
    view, config = prepared.benchmark.view, prepared.config
    first, *later = view.plan.streams["train"]
    may_return = config.strategy_config.train.data != "experience"
    if may_return or not later or config.benchmark_config.online is not None:
        return None
    inputs: Tensor = view.inputs(torch.from_numpy(first.ids))
    return inputs


def evaluate_again(heard: Heard, *, batch: int) -> dict[tuple[Moment, int], Tensor]:
    """The scores of the last evaluation, once more, so many samples at a time."""
    before, heard.evaluated, heard.strategy.eval_mb_size = heard.evaluated, {}, batch
    evaluate(heard.strategy, heard.prepared.benchmark)
    again, heard.evaluated = heard.evaluated, before
    return again


def _overhear_candidates(adapter: Any, ear: Ear) -> None:
    logits = adapter.logits

    def overheard(inputs: Tensor, candidates: tuple[int, ...]) -> Tensor:
        if (at := ear.now()) is not None:
            ear.heard.asked.append((at, candidates))
        scores: Tensor = logits(inputs, candidates)
        return scores

    adapter.logits = overheard


def _overhear_reads(inputs: Any, ear: Ear) -> None:
    """Whoever asks these inputs for samples, or views of them; inputs of somebody's own would have
    ids of their own.

    Python looks a call up on the class, so this one object gets a class that notes its calls.
    """
    kind = type(inputs)

    def overheard(self: Any, ids: Tensor, *key: int) -> Tensor:
        if not ear.closed:
            ear.heard.read.append((ear.now(), ids.numpy().copy()))
        read: Tensor = kind.__call__(self, ids, *key)
        return read

    inputs.__class__ = type(f"Overheard{kind.__name__}", (kind,), {"__call__": overheard})

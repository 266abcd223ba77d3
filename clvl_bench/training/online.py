"""Online: the strategy that learns step by step from a stream whose labels come late, few, or only
as rewards.

One step, as Csaba et al. 2024 order it (Label delay in online continual learning,
arXiv:2312.00923): samples are revealed; the model of the step before predicts them; labels due now
arrive, for samples that the learner has kept itself; so many updates follow, the same for every
strategy. Each step is one training of Avalanche's template, so that plugins find every callback.
What a training makes anew for an experience (classes, optimiser) is made once for all steps of an
experience here, and the learning rate is constant behind its warm-up: nobody knows when a stream
ends.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clvl_bench.methods._base.adapter import NO_CLASS, ClassIds, State, predict, tensor_bytes
from clvl_bench.methods._base.pending import Pending
from clvl_bench.methods._base.policy import Policy
from clvl_bench.streams.online import Arrived, OnlineStep
from clvl_bench.training.strategy import AdaptationStrategy

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Prediction:
    """What the model said of a step's samples before anything was known of them.

    `scores` [n, classes] are minus infinity where a class was no candidate; `actions` [n] is what
    was chosen, `propensities` [n] how probable that was.
    """

    inputs: Tensor
    scores: Tensor
    actions: Tensor
    propensities: Tensor
    candidates: ClassIds

    @property
    def predicted(self) -> Tensor:
        """The class of the highest score; -1, which is never right, where there is none or scores
        are no numbers.
        """
        return torch.where(self.scores.isnan().any(dim=1), NO_CLASS, predict(self.scores))


@dataclass(frozen=True)
class Feedback:
    """What arrived about earlier samples: inputs, the class that was chosen (or the label), its
    propensity, the reward.
    """

    inputs: Tensor
    actions: Tensor
    propensities: Tensor
    rewards: Tensor
    ids: Tensor
    tasks: Tensor


class Repeated:
    """The same minibatch so many times: the updates of a step. Plugins join to it what they
    draw.
    """

    def __init__(self, batch: list[Tensor], times: int) -> None:
        self._batch, self._times = batch, times

    def __len__(self) -> int:
        return self._times

    def __iter__(self) -> Iterator[list[Tensor]]:
        for _ in range(self._times):
            yield list(self._batch)


class OnlineStrategy(AdaptationStrategy):
    """An adapter that learns from a stream of steps.

    Args:
        updates: training batches a step.
        pending_size: samples that may wait for their label.
        rewarding: whether rewards arrive instead of labels; then the plugin that takes them chooses
            the classes.
    """

    def __init__(
        self, *, updates: int, pending_size: int, rewarding: bool = False, **settings: Any
    ) -> None:
        super().__init__(**settings)
        self.updates, self.rewarding = updates, rewarding
        self.policy = next(
            (plugin.policy for plugin in self.method_plugins if plugin.policy is not None), Policy()
        )
        self.train_epochs = int(self.adapter.learns != "nothing")
        self.pending = Pending(pending_size)
        self.prediction: Prediction | None = None
        self.feedback: Feedback | None = None

    # --- a step, in the order in which it happens ---

    @torch.no_grad()
    def scores(self, step: OnlineStep, ids: Tensor, inputs: Tensor) -> Tensor:
        """[n, classes], among the candidates of a step."""
        self.adapter.eval()
        before, self.adapter.scored = self.adapter.scored, step.candidates()
        found = self._masked(self.model(inputs), torch.from_numpy(self._view.plan.tasks)[ids])
        self.adapter.scored = before
        return found

    def has_texts(self, step: OnlineStep) -> bool:
        """Whether all candidates have a text. Precomputed features may come without: nothing is
        known before labels then.
        """
        texts = self.adapter.class_texts(step.candidates())
        return bool(torch.isfinite(texts).all())

    def predict_step(self, step: OnlineStep) -> Prediction:
        """Predict the samples of a step, and keep them until more is known."""
        inputs = self._view.inputs(step.ids)
        scores = self.scores(step, step.ids, inputs)
        actions, propensities = (self.policy if self.rewarding else Policy()).act(
            scores, self.seed, step.number
        )
        actions = actions.masked_fill(predict(scores) == NO_CLASS, NO_CLASS)
        self.prediction = Prediction(inputs, scores, actions, propensities, step.candidates())
        if self.adapter.learns != "nothing":
            self.pending.insert(step.ids, (inputs, actions, propensities))
        return self.prediction

    def learn(self, step: OnlineStep, ids: Ids, rewards: NDArray[np.float32] | None = None) -> None:
        """Labels of some earlier samples have been revealed, or these rewards have come; update."""
        self._arrive(
            step, torch.from_numpy(ids), None if rewards is None else torch.from_numpy(rewards)
        )
        self.train(step, eval_streams=[])
        self.feedback = None

    def _arrive(self, step: OnlineStep, ids: Tensor, rewards: Tensor | None) -> None:
        here, columns = self.pending.take(ids)
        tasks = torch.from_numpy(self._view.plan.tasks)
        assert self.prediction is not None
        if not len(here):
            like = self.prediction
            columns = [like.inputs[:0], like.actions[:0], like.propensities[:0]]
        inputs, actions, propensities = columns
        ids = ids[here]
        if rewards is None:  # a label is the right class, chosen with certainty
            actions = torch.from_numpy(self._view.visible_labels)[ids].to(actions.device)
            propensities, rewards = torch.ones_like(propensities), torch.ones(len(ids))
        else:
            rewards = rewards[here]
        rewards = rewards.to(actions.device)
        self.feedback = Feedback(inputs, actions, propensities, rewards, ids, tasks[ids])
        right = rewards > 0
        step.arrives(
            Arrived((inputs[right], actions[right], ids[right.cpu()], tasks[ids[right.cpu()]]))
        )

    # --- what Avalanche asks of a template ---

    def train_dataset_adaptation(self, **kwargs: Any) -> None:
        """Minibatches are made of what has arrived; there is no dataset to adapt."""

    def make_train_dataloader(self, **kwargs: Any) -> None:
        batch = [column.clone() for column in self.experience.dataset.columns]
        if any(plugin.wants_unlabelled for plugin in self.method_plugins):
            batch = [torch.cat(pair) for pair in zip(batch, self._unlabelled(), strict=True)]
        assert self.feedback is not None
        something = len(batch[1]) or len(self.feedback.ids) * any(
            plugin.policy is not None for plugin in self.method_plugins
        )
        times = self.updates if self.adapter.learns == "gradient" else 1
        self.dataloader = Repeated(
            batch,
            times if something or any(plugin.remembers for plugin in self.method_plugins) else 0,
        )

    def _unlabelled(self) -> list[Tensor]:
        """This step's samples whose label is not there yet."""
        step, seen = self.experience, self.prediction
        assert seen is not None
        ids = step.ids
        rows = torch.nonzero(~torch.isin(ids, step.dataset.columns[2])).flatten()
        labels = torch.full((len(rows),), -1, dtype=torch.long, device=seen.actions.device)
        return [
            seen.inputs[rows],
            labels,
            ids[rows],
            torch.from_numpy(self._view.plan.tasks)[ids[rows]],
        ]

    def check_model_and_optimizer(self, **kwargs: Any) -> None:
        if self.adapter.learns == "gradient" and self.experience.is_first_subexp:
            self.make_optimizer()

    def _learning_rate(self, step: int) -> float:
        train, done = self.train_config, self.clock.train_iterations
        rate = train.lr_of.get(self.experience.spec.dataset, train.lr)
        return rate * min(1.0, (done + 1) / train.warmup_steps) if train.warmup_steps else rate

    # --- what outlives a step ---

    def state(self) -> dict[str, State]:
        return {**super().state(), "pending": self.pending.state(), "optimizer": self._moments()}

    def load(self, state: dict[str, State]) -> None:
        super().load(state)
        self.pending.load(state["pending"])
        if self.adapter.learns == "gradient" and self.clock.train_exp_counter:
            self.make_optimizer()  # also where nothing has moved yet
            for number, parameter in enumerate(self.optimizer.param_groups[0]["params"]):
                of_parameter = {
                    name: value
                    for name, value in state["optimizer"].items()
                    if name.startswith(f"{number}.")
                }
                self.optimizer.state[parameter] = {
                    name.partition(".")[2]: value.clone() for name, value in of_parameter.items()
                }

    def kept_bytes(self) -> int:
        """With the samples that wait and the optimiser's moments: in a stream they are there
        between any two steps.
        """
        return super().kept_bytes() + self.pending.kept_bytes() + tensor_bytes(self._moments())

    def _moments(self) -> State:
        if self.optimizer is None:
            return {}
        parameters = self.optimizer.param_groups[0]["params"]
        return {
            f"{number}.{name}": value
            for number, parameter in enumerate(parameters)
            for name, value in self.optimizer.state.get(parameter, {}).items()
            if isinstance(value, Tensor)
        }

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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from avalanche.training.plugins import EvaluationPlugin
from numpy.typing import NDArray
from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.backbones.teacher import Teacher
from clvl_bench.inputs.features import Inputs
from clvl_bench.inputs.questions import QuestionInputs
from clvl_bench.methods._base.adapter import (
    NO_CLASS,
    Adapter,
    ClassIds,
    State,
    predict,
    tensor_bytes,
)
from clvl_bench.methods._base.pending import Pending
from clvl_bench.methods._base.plugin import Plugin
from clvl_bench.methods._base.policy import Policy
from clvl_bench.streams.label_store import HIDDEN
from clvl_bench.streams.learner_view import LearnerView
from clvl_bench.streams.online import Arrived, OnlineStep
from clvl_bench.streams.online_config import Online
from clvl_bench.training.config import StrategyConfig, TrainConfig
from clvl_bench.training.strategy import AdaptationStrategy, build_parts

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
        train: as for any strategy; `pending_size` is how many samples may wait for their label.
        updates: training batches a step.
        rewarding: whether rewards arrive instead of labels; then the plugin that takes them chooses
            the classes.
    """

    def __init__(
        self,
        *,
        adapter: Adapter,
        plugins: Sequence[Plugin],
        train: TrainConfig,
        view: LearnerView,
        evaluator: EvaluationPlugin,
        seed: int,
        updates: int,
        rewarding: bool = False,
        device: str = "cpu",
    ) -> None:
        super().__init__(
            adapter=adapter,
            plugins=plugins,
            train=train,
            view=view,
            evaluator=evaluator,
            seed=seed,
            device=device,
        )
        self.updates = updates
        self.rewarding = rewarding
        policies = [plugin.policy for plugin in plugins if plugin.policy is not None]
        self.policy = policies[0] if policies else Policy()
        self.train_epochs = int(adapter.learns != "nothing")
        self.pending = Pending(train.pending_size)
        self.prediction: Prediction | None = None
        self.feedback: Feedback | None = None

    # --- a step, in the order in which it happens ---

    @torch.no_grad()
    def scores(self, step: OnlineStep, ids: Tensor, inputs: Tensor) -> Tensor:
        """[n, classes], among the candidates of a step."""
        self.adapter.eval()
        tasks = torch.from_numpy(self._view.plan.tasks)[ids]
        # Training scores other classes (those that have labels); it finds its own again afterwards.
        in_training = self.adapter.scored
        self.adapter.scored = step.candidates()
        found = self._masked(self.model(inputs), tasks)
        self.adapter.scored = in_training
        return found

    def has_texts(self, step: OnlineStep) -> bool:
        """Whether all candidates have a text. Precomputed features may come without: nothing is
        known before labels then.
        """
        candidates = [self.adapter.classes[class_id] for class_id in step.candidates()]
        texts = self.adapter.backbone.class_features(candidates)
        return bool(torch.isfinite(texts).all())

    def predict_step(self, step: OnlineStep) -> Prediction:
        """Predict the samples of a step, and keep them until more is known."""
        inputs = self._view.inputs(step.ids)
        scores = self.scores(step, step.ids, inputs)
        policy = self.policy if self.rewarding else Policy()
        actions, propensities = policy.act(scores, self.seed, step.number)
        actions = actions.masked_fill(predict(scores) == NO_CLASS, NO_CLASS)
        self.prediction = Prediction(inputs, scores, actions, propensities, step.candidates())
        if self.adapter.learns != "nothing":
            self.pending.insert(step.ids, (inputs, actions, propensities))
        return self.prediction

    def learn(self, step: OnlineStep, ids: Ids, rewards: NDArray[np.float32] | None = None) -> None:
        """Labels of some earlier samples have been revealed, or these rewards have come; update."""
        given = None if rewards is None else torch.from_numpy(rewards)
        self._arrive(step, torch.from_numpy(ids), given)
        self.train(step, eval_streams=[])
        self.feedback = None

    def _arrive(self, step: OnlineStep, ids: Tensor, rewards: Tensor | None) -> None:
        """Give the step what may be learned from: of the samples that were kept, those whose action
        was right.
        """
        here, columns = self.pending.take(ids)
        if not len(here):
            like = self.prediction
            assert like is not None
            columns = [like.inputs[:0], like.actions[:0], like.propensities[:0]]
        inputs, actions, propensities = columns
        ids = ids[here]
        tasks = torch.from_numpy(self._view.plan.tasks)[ids]
        if rewards is None:
            # A label is the right class, as if it had been chosen with certainty.
            actions = torch.from_numpy(self._view.visible_labels)[ids].to(actions.device)
            propensities = torch.ones_like(propensities)
            rewards = torch.ones(len(ids))
        else:
            rewards = rewards[here]
        rewards = rewards.to(actions.device)
        self.feedback = Feedback(inputs, actions, propensities, rewards, ids, tasks)
        right = rewards > 0
        right_here = right.cpu()  # ids and tasks never leave the processor
        step.arrives(Arrived((inputs[right], actions[right], ids[right_here], tasks[right_here])))

    # --- what Avalanche asks of a template ---

    def train_dataset_adaptation(self, **kwargs: Any) -> None:
        """Minibatches are made of what has arrived; there is no dataset to adapt."""

    def make_train_dataloader(self, **kwargs: Any) -> None:
        batch = [column.clone() for column in self.experience.dataset.columns]
        if any(plugin.wants_unlabelled for plugin in self.method_plugins):
            batch = [torch.cat(pair) for pair in zip(batch, self._unlabelled(), strict=True)]
        times = self.updates if self.adapter.learns == "gradient" else 1
        if not (len(batch[1]) or self._has_rewards() or self._remembers()):
            times = 0
        self.dataloader = Repeated(batch, times)

    def _has_rewards(self) -> bool:
        """Also a reward of 0 is something to learn from, for a plugin that takes rewards."""
        assert self.feedback is not None
        takes_rewards = any(plugin.policy is not None for plugin in self.method_plugins)
        return takes_rewards and len(self.feedback.ids) > 0

    def _remembers(self) -> bool:
        """Whether a plugin can fill a minibatch at a step at which nothing arrives."""
        return any(plugin.remembers for plugin in self.method_plugins)

    def _unlabelled(self) -> list[Tensor]:
        """This step's samples whose label is not there yet."""
        step, seen = self.experience, self.prediction
        assert seen is not None
        labelled = step.dataset.columns[2]
        rows = torch.nonzero(~torch.isin(step.ids, labelled)).flatten()
        ids = step.ids[rows]
        labels = torch.full((len(rows),), HIDDEN, dtype=torch.long, device=seen.actions.device)
        return [seen.inputs[rows], labels, ids, torch.from_numpy(self._view.plan.tasks)[ids]]

    def check_model_and_optimizer(self, **kwargs: Any) -> None:
        if self.adapter.learns == "gradient" and self.experience.is_first_subexp:
            self.make_optimizer()

    def _learning_rate(self, step: int) -> float:
        """Linear warm-up over the steps of the whole stream, then constant."""
        train, done = self.train_config, self.clock.train_iterations
        rate = train.lr_of.get(self.experience.spec.dataset, train.lr)
        if not train.warmup_steps:
            return rate
        warm = min(1.0, (done + 1) / train.warmup_steps)
        return float(rate * warm)

    # --- what outlives a step ---

    def state(self) -> dict[str, State]:
        return {**super().state(), "pending": self.pending.state(), "optimizer": self._moments()}

    def load(self, state: dict[str, State]) -> None:
        super().load(state)
        self.pending.load(state["pending"])
        if self.adapter.learns == "gradient" and self.clock.train_exp_counter:
            self.make_optimizer()  # also where nothing has moved yet
            self._load_moments(state["optimizer"])

    def kept_bytes(self) -> int:
        """With the samples that wait and the optimiser's moments: in a stream they are there
        between any two steps.
        """
        return super().kept_bytes() + self.pending.kept_bytes() + tensor_bytes(self._moments())

    def _moments(self) -> State:
        """The optimiser's tensors, as `<number of the parameter>.<name>`."""
        if self.optimizer is None:
            return {}
        found: State = {}
        for number, parameter in enumerate(self.optimizer.param_groups[0]["params"]):
            for name, value in self.optimizer.state.get(parameter, {}).items():
                if isinstance(value, Tensor):
                    found[f"{number}.{name}"] = value
        return found

    def _load_moments(self, moments: State) -> None:
        parameters = self.optimizer.param_groups[0]["params"]
        for parameter in parameters:
            self.optimizer.state[parameter] = {}
        for key, value in moments.items():
            number, _, name = key.partition(".")
            self.optimizer.state[parameters[int(number)]][name] = value.clone()


def build_online_strategy(
    config: StrategyConfig,
    backbone: Backbone,
    view: LearnerView,
    *,
    online: Online,
    rewarding: bool,
    evaluator: EvaluationPlugin,
    seed: int,
    features: Inputs | QuestionInputs | None = None,
    teacher: Teacher | None = None,
    device: str = "cpu",
) -> OnlineStrategy:
    """The strategy that a file describes, ready for the first step of an online stream.

    Args:
        rewarding: rewards arrive instead of labels.
        features, teacher: as for `build_strategy`.

    Raises:
        Mistake: it needs something that the backbone or the benchmark does not have.
    """
    adapter, plugins = build_parts(config, backbone, view, seed, features, teacher)
    return OnlineStrategy(
        adapter=adapter,
        plugins=plugins,
        train=config.train,
        view=view,
        evaluator=evaluator,
        seed=seed,
        updates=online.updates,
        rewarding=rewarding,
        device=device,
    )

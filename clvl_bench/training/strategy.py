"""Strategy: adapter + plugins + optimiser -> an Avalanche strategy. All that the suite changes of
Avalanche's template.

- Minibatches are taken by index from one tensor, in an order that depends on (seed, experience,
  epoch) alone.
- The optimiser is made anew for each experience from the adapter's parameters. (Avalanche 0.6.0
  refills the optimiser with every parameter of the model on its first call.)
- Learners without a gradient observe their batches; nothing runs backward for them.
- A loss that is not finite stops the run where it happens, in all processes of the run.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.templates import SupervisedTemplate
from torch import Tensor

from clvl_bench.backbones.base import Backbone
from clvl_bench.backbones.sharing import average_gradients, batches_shared
from clvl_bench.backbones.teacher import Teacher
from clvl_bench.core import world
from clvl_bench.core.errors import RunFailed
from clvl_bench.core.rng import keyed, rng
from clvl_bench.inputs.features import Inputs
from clvl_bench.inputs.questions import QuestionInputs
from clvl_bench.methods._base.adaptation import Adaptation
from clvl_bench.methods._base.adapter import Adapter, State
from clvl_bench.methods._base.losses import TrainingBatch
from clvl_bench.methods._base.plugin import Plugin, PluginContext, PseudoLabels, Reference
from clvl_bench.methods.registry import build_adapter, build_plugin
from clvl_bench.streams.learner_view import LearnerView
from clvl_bench.streams.plan import ExperienceSpec, Plan
from clvl_bench.training.config import StrategyConfig, TrainConfig
from clvl_bench.training.one_pass import Key, OnePass, passes
from clvl_bench.training.schedules import Position, learning_rate

EVAL_BATCH = {
    "image_features": 1024,
    "questions": 1024,
    "question_patches": 128,
    "answerer_scores": 1024,
    "pixels": 128,
}
"""Samples scored together, by what is read. Predictions do not depend on it; time and memory do."""

_HELPS = {
    "gradient": "a smaller train.lr may help",
    "closed_form": "it follows no gradient: a stronger regularisation in adapter may help",
    "nothing": "it trains nothing: look at what it reads, and at the settings of adapter",
}
"""What may help a model that gives what is no number, by how it learns."""

_CLOCK = ("train_iterations", "train_exp_counter", "total_iterations")


class IndexLoader:
    """Minibatches [inputs, labels, sample ids, tasks] by index, instead of sample by sample.

    Args:
        ids: the samples, in the order in which they are read if there is no other.
        inputs: gives what is read of some samples, where that is not the view's own inputs.
        order: gives the rows of `ids` that a pass reads, anew for each pass.
        samples: how many rows a whole pass has, where these are not all.
    """

    def __init__(
        self,
        view: LearnerView,
        ids: Tensor,
        *,
        batch_size: int,
        inputs: Callable[[Tensor], Tensor] | None = None,
        order: Callable[[], Tensor] | None = None,
        samples: int | None = None,
    ) -> None:
        self._view = view
        self._inputs = inputs or view.inputs
        self._ids = ids
        self._batch_size = batch_size
        self._order = order
        self._samples = len(ids) if samples is None else samples

    def __len__(self) -> int:
        return math.ceil(self._samples / self._batch_size)

    def __iter__(self) -> Iterator[list[Tensor]]:
        ids = self._ids if self._order is None else self._ids[self._order()]
        labels = torch.from_numpy(self._view.visible_labels)
        tasks = torch.from_numpy(self._view.plan.tasks)
        for batch in ids.split(self._batch_size):
            yield [self._inputs(batch), labels[batch], batch, tasks[batch]]


class AdaptationStrategy(SupervisedTemplate):
    """An adapter that learns from an Avalanche stream.

    Args:
        adapter: the model.
        plugins: what else happens while it learns.
        train: how gradients are followed.
        view: what it may see of a benchmark; where minibatches come from.
        evaluator: Avalanche's, with the suite's metrics.
        seed: of every random decision.
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
        device: str = "cpu",
    ) -> None:
        self.adapter = adapter
        self.train_config = train
        self.seed = seed
        self.adaptation = Adaptation(adapter, train_classes=train.classes)
        self.method_plugins = list(plugins)
        self.n_experiences = 0
        self._view = view
        self._passes: dict[Key, OnePass] = {}
        self._pass: OnePass | None = None
        super().__init__(
            model=adapter,
            optimizer=None,  # made for each experience
            criterion=self._loss,
            train_mb_size=train.batch_size,
            train_epochs=_epochs(train, adapter),
            eval_mb_size=EVAL_BATCH[view.inputs.input_kind],
            device=device,
            plugins=[self.adaptation, *plugins],
            evaluator=evaluator,
        )

    # --- what Avalanche asks of a template ---

    def make_train_dataloader(self, **kwargs: Any) -> None:
        spec = self.experience.spec
        self.dataloader: Any = IndexLoader(
            self._view,
            torch.from_numpy(spec.ids),
            batch_size=self.train_mb_size,
            inputs=self._train_inputs,
            order=self._train_order,
            samples=spec.epoch_samples,
        )
        iterations = self.train_config.iterations
        if iterations is not None and self.adapter.learns == "gradient":
            # Avalanche counts epochs: as many as it takes to get to that many minibatches.
            self.train_epochs = math.ceil(iterations / len(self.dataloader))

    def _train_order(self) -> Tensor:
        """The rows of the experience's samples that the epoch under way reads."""
        spec, clock = self.experience.spec, self.clock
        generator = rng("order", self.seed, clock.train_exp_counter, clock.train_exp_epochs)
        shuffled = generator.permutation(len(spec.ids))
        rows = shuffled[: spec.epoch_samples]  # all of them where it is None
        iterations = self.train_config.iterations
        if iterations is not None:
            # The last epoch ends where there are enough minibatches; earlier ones are not touched,
            # since more are left than an epoch has.
            left = iterations - clock.train_exp_iterations
            rows = rows[: left * self.train_mb_size]
        return torch.from_numpy(rows)

    def _train_inputs(self, ids: Tensor) -> Tensor:
        """What the epoch under way reads of some samples: views of its own, where training is
        augmented.
        """
        views, clock = self._view.views, self.clock
        if views is None:
            return self._view.inputs(ids)
        return views(ids, self.seed, clock.train_exp_counter, clock.train_exp_epochs)

    def make_eval_dataloader(self, **kwargs: Any) -> None:
        spec = self.experience.spec
        ids = torch.from_numpy(spec.ids)
        self._pass = self._passes.pop((spec.stream, spec.index), None)
        read = None if self._pass is None else partial(self._read_in_pass, spec)
        together = len(ids) if self.adapter.config.transductive else self.eval_mb_size
        self.dataloader = IndexLoader(self._view, ids, batch_size=together, inputs=read)

    def _read_in_pass(self, spec: ExperienceSpec, ids: Tensor) -> Tensor:
        """What is read of an experience that goes through the model with others."""
        assert self._pass is not None
        return self._pass.inputs(spec, self._view.inputs)

    def eval_dataset_adaptation(self, **kwargs: Any) -> None:
        """Minibatches are taken by index: no copy of the dataset is made."""
        self.adapted_dataset = self.experience.dataset

    def _before_eval(self, **kwargs: Any) -> None:
        # What goes through a tower with others has other last bits in some methods (mixtures of
        # experts), and there a batch more costs little beside its samples. So has what is sorted
        # by the experience that each sample is sent to.
        of_features = self._view.inputs.input_kind == "image_features"
        sorts = type(self.adapter).choices is not Adapter.choices
        if of_features and not sorts and not self.adapter.config.transductive:
            specs = [experience.spec for experience in self.current_eval_stream]
            candidates = partial(self._view.plan.candidates, n_experiences=self.n_experiences)
            self._passes = passes(specs, candidates, size=self.eval_mb_size)
        super()._before_eval(**kwargs)

    def _save_train_state(self) -> dict[str, Any]:
        modes = [(layer, layer.training) for layer in self.model.modules()]
        return {"experience": self.experience, "is_training": self.is_training, "modes": modes}

    def _load_train_state(self, prev_state: dict[str, Any]) -> None:
        # Avalanche sets the mode of every layer with all layers inside it, again for each of these.
        self.experience = prev_state["experience"]
        self.is_training = prev_state["is_training"]
        for layer, mode in prev_state["modes"]:
            layer.training = mode
        self.adapter.forget_classifiers()

    def _eval_cleanup(self) -> None:
        super()._eval_cleanup()
        self._passes = {}
        self._pass = None

    def _check_distributed_training_compatibility(self) -> bool:
        # Avalanche warns of plugins that know nothing of other processes. Here they need not:
        # minibatches and losses are whole in each.
        return True

    def model_adaptation(self, model: Any = None) -> Any:
        return self.model  # nothing to grow: an adapter grows its own parameters in `begin`

    def check_model_and_optimizer(self, **kwargs: Any) -> None:
        if self.adapter.observes_first:
            # Before the optimiser is made: what is observed may become a parameter.
            self._observe_whole("observe")
        if self.adapter.learns == "gradient":
            self.make_optimizer()

    def make_optimizer(self, **kwargs: Any) -> None:
        train = self.train_config
        parameters = [each for each in self.adapter.parameters() if each.requires_grad]
        # On a GPU one kernel moves all weights; on a processor torch chooses, as it always did.
        fused = True if self.device.type == "cuda" else None
        self.optimizer: torch.optim.Optimizer
        if train.optimizer == "sgd":
            self.optimizer = torch.optim.SGD(
                parameters,
                lr=train.lr,
                momentum=train.momentum,
                weight_decay=train.weight_decay,
                fused=fused,
            )
        else:
            self.optimizer = torch.optim.AdamW(
                parameters,
                lr=train.lr,
                eps=train.eps,
                weight_decay=train.weight_decay,
                fused=fused,
            )

    def forward(self) -> Tensor:
        """Logits [batch, classes]; where the dataset of a sample is known, classes of other
        datasets are not candidates.
        """
        if self._pass is not None and not self.is_training:
            spec = self.experience.spec
            if self._pass.gave(spec, self.mb_x):
                return self._pass.scores(spec, self._scores_of)
        return self._masked(self.model(self.mb_x), self.mb_task_id)

    def _scores_of(self, inputs: Tensor, ids: Tensor) -> Tensor:
        tasks = torch.from_numpy(self._view.plan.tasks)[ids]
        return self._masked(self.model(inputs), tasks.to(self.device))

    def training_epoch(self, **kwargs: Any) -> None:
        key = (self.seed, "epoch", self.clock.train_exp_counter, self.clock.train_exp_epochs)
        with keyed(*key), batches_shared():
            if self.adapter.learns == "gradient":
                super().training_epoch(**kwargs)
            else:
                self._observe(**kwargs)

    def optimizer_step(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate(self.clock.train_exp_iterations)
        self.optimizer.step()

    def backward(self) -> None:
        loss = world.mean(self.loss.item())
        if not math.isfinite(loss):
            clock = self.clock
            raise self.broken(
                f"the loss is {loss} in experience {clock.train_exp_counter + 1}, epoch "
                f"{clock.train_exp_epochs + 1}, step {clock.train_epoch_iterations + 1}"
            )
        super().backward()
        average_gradients(self.adapter.parameters())

    def broken(self, said: str) -> RunFailed:
        """The end of a run whose model gives what is no number, with what may help."""
        return RunFailed(f"nan: {said}; {_HELPS[self.adapter.learns]}")

    def _after_training_exp(self, **kwargs: Any) -> None:
        if self.adapter.observes_again:
            # Before plugins end the experience, and merge or keep what was learned.
            self._observe_whole("observe again")
        super()._after_training_exp(**kwargs)
        self.n_experiences += self.experience.spec.covers

    # --- what outlives an experience ---

    def state(self) -> dict[str, State]:
        """Everything that the next experience depends on."""
        clock = {name: getattr(self.clock, name) for name in _CLOCK}
        notes = {**clock, "learned": self.n_experiences, "seen": list(self.adaptation.seen)}
        state: dict[str, State] = {"adapter": self.adapter.state(), "clock": notes}
        for number, plugin in enumerate(self.method_plugins):
            state[f"plugin{number}"] = plugin.state()
        return state

    def load(self, state: dict[str, State]) -> None:
        """Take up a state that `state` gave."""
        for name in _CLOCK:
            setattr(self.clock, name, state["clock"][name])
        self.n_experiences = state["clock"]["learned"]
        self.adaptation.seen = tuple(state["clock"]["seen"])
        self.adapter.load(state["adapter"])
        for number, plugin in enumerate(self.method_plugins):
            plugin.load(state[f"plugin{number}"])

    def kept_bytes(self) -> int:
        """Bytes of everything that outlives an experience, but for the public backbone."""
        of_plugins = sum(plugin.kept_bytes() for plugin in self.method_plugins)
        return self.adapter.kept_bytes() + of_plugins

    def kept_samples(self) -> int:
        """Samples of the past that are kept, in whatever form."""
        of_plugins = sum(plugin.kept_samples() for plugin in self.method_plugins)
        return self.adapter.kept_samples() + of_plugins

    def pseudo_labels(self) -> list[PseudoLabels]:
        """What plugins made of the unlabelled samples of the last step or epoch, for the
        evaluator.
        """
        return [said for plugin in self.method_plugins for said in plugin.pseudo_labels]

    # --- inside ---

    def _masked(self, scores: Tensor, tasks: Tensor) -> Tensor:
        plan = self._view.plan
        if plan.label_space != "dataset":
            return scores
        return scores + _task_mask(plan, scores)[tasks]

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The adapter's own loss of a training batch. In evaluation there is none."""
        if not self.is_training:
            return logits.new_zeros(())
        smoothing = self.train_config.label_smoothing
        return self.adapter.loss(TrainingBatch(self.mb_x, logits, labels, smoothing))

    def _observe(self, **kwargs: Any) -> None:
        for self.mbatch in self.dataloader:
            self._unpack_minibatch()
            self._before_training_iteration(**kwargs)
            self.adapter.observe(self.mb_x, self.mb_y)
            self._after_training_iteration(**kwargs)

    def _observe_whole(self, key: str) -> None:
        """The adapter observes each sample of the experience once; `key` names the draws."""
        ids = torch.from_numpy(self.experience.spec.ids)
        loader = IndexLoader(self._view, ids, batch_size=self.eval_mb_size)
        with keyed(self.seed, key, self.clock.train_exp_counter):
            for inputs, labels, *_ in loader:
                self.adapter.observe(inputs, labels.to(inputs.device))
            self.adapter.observed()

    def _learning_rate(self, step: int) -> float:
        """The rate of a step of the experience in hand, counted from 0."""
        train = self.train_config
        steps = train.iterations or self.train_epochs * len(self.dataloader)
        at = Position(step, steps, self.clock.train_exp_epochs, self.train_epochs)
        return learning_rate(train, train.lr_of.get(self.experience.spec.dataset, train.lr), at)


def _epochs(train: TrainConfig, adapter: Adapter) -> int:
    """A closed form sees every sample once, and who learns nothing none."""
    if adapter.learns == "gradient":
        return train.epochs
    return int(adapter.learns == "closed_form")


def _task_mask(plan: Plan, like: Tensor) -> Tensor:
    """[tasks, classes]: 0 for the classes of a task, minus infinity for the others."""
    mask = like.new_full((len(plan.task_classes), len(plan.classes)), -torch.inf)
    for task, classes in enumerate(plan.task_classes):
        mask[task, list(classes)] = 0.0
    return mask


def build_strategy(
    config: StrategyConfig,
    backbone: Backbone,
    view: LearnerView,
    *,
    evaluator: EvaluationPlugin,
    seed: int,
    features: Inputs | QuestionInputs | None = None,
    teacher: Teacher | None = None,
    device: str = "cpu",
) -> AdaptationStrategy:
    """The strategy that a file describes, ready for the first experience.

    Args:
        features: what the untouched image tower says, by sample id; for plugins that learn from a
            reference set.
        teacher: whom these learn from; the untouched backbone if left out.

    Raises:
        Mistake: it needs something that the backbone or the benchmark does not have.
    """
    adapter, plugins = build_parts(config, backbone, view, seed, features, teacher)
    return AdaptationStrategy(
        adapter=adapter,
        plugins=plugins,
        train=config.train,
        view=view,
        evaluator=evaluator,
        seed=seed,
        device=device,
    )


def build_parts(
    config: StrategyConfig,
    backbone: Backbone,
    view: LearnerView,
    seed: int,
    features: Inputs | QuestionInputs | None,
    teacher: Teacher | None,
) -> tuple[Adapter, list[Plugin]]:
    """The adapter of a strategy, and the plugins that help it.

    Raises:
        Mistake: one of them needs something that the backbone or the benchmark does not have.
    """
    adapter = build_adapter(config.adapter, backbone, view.plan.classes, seed=seed)
    if teacher is None and features is not None:
        teacher = Teacher(backbone, features.image_features)
    reference = reference_of(view, features, teacher)
    context = PluginContext(adapter, reference, seed, features, teacher)
    return adapter, [build_plugin(plugin, context) for plugin in config.plugins]


def reference_of(
    view: LearnerView, features: Inputs | QuestionInputs | None, teacher: Teacher | None
) -> Reference | None:
    """The reference set of a benchmark, where it has one."""
    if features is None or teacher is None or "reference" not in view.plan.streams:
        return None
    (spec,) = view.plan.streams["reference"]
    ids = torch.from_numpy(spec.ids)
    return Reference(
        ids=ids,
        inputs=view.inputs,
        features=teacher.features(ids),
        classes=spec.classes,
        teacher=teacher,
        untouched=features.image_features(ids),
        captions=view.captions,
    )

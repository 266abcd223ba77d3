"""What a strategy file may say about training, and the strategy as a whole: adapter, plugins,
training settings.
"""

from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from clvl_bench.core.schema import Schema, Since
from clvl_bench.inputs.augmentation_config import AugmentationConfig
from clvl_bench.inputs.kinds import QUESTION_INPUTS, InputKind, most_demanding
from clvl_bench.methods._base.config import TrainClasses
from clvl_bench.methods.registry import AnyAdapter, AnyPlugin


def _none_is_off(augmentation: Any) -> Any:
    """A file has no other word for nothing, and a strategy may be laid over one that augments."""
    return None if augmentation == "none" else augmentation


class TrainConfig(Schema):
    """How gradients are followed. The optimiser is made anew for each experience, as the papers do.

    In an online stream the benchmark says how many updates a step has, `epochs`, `batch_size`,
    `schedule` and `warmup_epochs` nothing: each sample comes once, batches are what has arrived,
    and the rate stays as it is.
    """

    data: Literal["experience", "cumulative", "joint"] = Field(
        "experience",
        description="what one training sees: an experience, all up to it, or all of the stream at "
        "once",
    )
    classes: TrainClasses = Field(
        "experience",
        description="the classes among which training logits are compared: those of the "
        "experience, all seen, or those of the batch's samples, where each class is dear to score",
    )
    epochs: int = Field(5, ge=0)
    iterations: int | None = Field(
        None,
        ge=1,
        description="steps of an experience, in the place of epochs: passes are begun until there "
        "are as many",
    )
    batch_size: int = Field(64, ge=1)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    lr: float = Field(1e-3, gt=0)
    lr_of: dict[str, float] = Field(
        {}, description="rates of experiences of some datasets, by name, in the place of lr"
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="of sgd")
    eps: Annotated[float, Since(before=1e-8)] = Field(
        1e-8,
        gt=0,
        description="of adamw: what is added to the size of a gradient before dividing by it",
    )
    weight_decay: float = Field(0.0, ge=0)
    schedule: Literal["cosine", "constant", "cosine_by_epoch", "quarter_cosine_by_epoch"] = Field(
        "cosine",
        description="of the rate in an experience: half a cosine, step by step; constant; or by "
        "epoch half a cosine, as CoOp's and its kin, or a quarter of one, as CODA-Prompt's",
    )
    warmup_steps: int = Field(
        0, ge=0, description="linear rise to lr at the start of each experience"
    )
    warmup_epochs: Annotated[int, Since(before=0)] = Field(
        0,
        ge=0,
        description="in the place of warmup_steps: epochs at the rate warmup_lr, as CoOp and its "
        "kin begin",
    )
    warmup_lr: Annotated[float, Since(before=1e-5)] = Field(
        1e-5, gt=0, description="of warmup_epochs"
    )
    precision: Annotated[Literal["fp32", "bf16"], Since(before="fp32")] = Field(
        "fp32",
        description="of the matrix products of a training step inside a tower; weights, optimiser "
        "and loss stay fp32, and testing is fp32",
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    augmentation: Annotated[
        AugmentationConfig | None, BeforeValidator(_none_is_off), Since(before=None)
    ] = Field(
        None,
        description='training sees views of the images in their place, testing never; "none" '
        "switches it off where a strategy extends one that has it",
    )
    pending_size: int = Field(
        4096,
        ge=1,
        description="online: samples that are kept until their label comes, the latest ones",
    )

    @model_validator(mode="after")
    def _one_warmup(self) -> Self:
        if self.warmup_steps and self.warmup_epochs:
            raise ValueError(
                f"warmup_epochs: got {self.warmup_epochs} beside warmup_steps = "
                f"{self.warmup_steps}; set one of them to 0"
            )
        return self


class StrategyConfig(Schema):
    """Who learns: an adapter, plugins and training settings, under the file's name."""

    version: Literal[1]
    adapter: AnyAdapter
    plugins: tuple[AnyPlugin, ...] = ()
    train: TrainConfig = TrainConfig()

    @property
    def input_kind(self) -> InputKind:
        """The most demanding of what its parts read."""
        return most_demanding(
            [self.adapter.input_kind, *(plugin.input_kind for plugin in self.plugins)]
        )

    @property
    def teacher(self) -> str | None:
        """The backbone that a part of it names to learn from, where that is not the untouched
        one.
        """
        return next(iter(self._teachers()), None)

    @property
    def answerer(self) -> str | None:
        """The model that answers in the place of what is learned, where a part of it names one."""
        return getattr(self.adapter, "answerer", None)

    @property
    def answers_by_likelihood(self) -> bool:
        """Whether the candidates are ranked by that model, in the place of what it writes."""
        return getattr(self.adapter, "choice", None) == "likelihood"

    def _teachers(self) -> list[str]:
        named: set[str | None] = {
            getattr(part, "teacher", None) for part in (self.adapter, *self.plugins)
        }
        return sorted(name for name in named if name is not None)

    @model_validator(mode="after")
    def _each_plugin_once(self) -> Self:
        kinds = [plugin.kind for plugin in self.plugins]
        if len(set(kinds)) < len(kinds):
            raise ValueError(f"plugins: got {kinds}; each kind may stand once")
        return self

    @model_validator(mode="after")
    def _earlier_classes_are_compared(self) -> Self:
        if self.train.classes != "experience":
            return self
        if self.train.data == "cumulative":
            raise ValueError(
                'train.classes: got \'experience\' beside data = "cumulative"; set classes = "seen"'
            )
        for plugin in self.plugins:
            if plugin.rehearses:
                raise ValueError(
                    f"train.classes: got 'experience' beside the plugin '{plugin.kind}', whose "
                    'samples are of earlier classes; set classes = "seen"'
                )
        return self

    @model_validator(mode="after")
    def _batches_bring_their_classes(self) -> Self:
        """Elsewhere a loss may be made of scores that a batch's classes do not have."""
        if self.train.classes != "batch":
            return self
        kinds = [plugin.kind for plugin in self.plugins if not plugin.leaves_scores]
        if self.adapter.input_kind not in QUESTION_INPUTS:
            kinds.insert(0, self.adapter.kind)
        if kinds:
            raise ValueError(
                f"train.classes: got 'batch' beside '{kinds[0]}'; it is for methods that "
                "answer questions, with no plugin but 'replay': set classes = \"seen\""
            )
        return self

    @model_validator(mode="after")
    def _memory_alone_is_enough(self) -> Self:
        for plugin in self.plugins:
            if not plugin.trains_on_memory_alone:
                continue
            if self.train.iterations is not None:
                raise ValueError(
                    f"train.iterations: got a number of steps beside the plugin '{plugin.kind}', "
                    "whose passes are as long as its memory; set train.epochs in its place"
                )
            if self.adapter.adds_parts:
                raise ValueError(
                    f"plugins: got '{plugin.kind}', which makes a fresh model of a memory for "
                    f"every test, beside the adapter '{self.adapter.kind}', which adds a part for "
                    "each experience; use another, for example linear, lora or full"
                )
        return self

    @model_validator(mode="after")
    def _rounds_are_epochs_long(self) -> Self:
        for plugin in self.plugins:
            if plugin.trains_in_rounds and self.train.iterations is not None:
                raise ValueError(
                    f"train.iterations: got a number of steps beside the plugin '{plugin.kind}', "
                    "whose rounds are epochs long; set train.epochs in its place"
                )
        return self

    @model_validator(mode="after")
    def _samples_come_off_as_they_went_on(self) -> Self:
        joining = [plugin for plugin in self.plugins if plugin.joins_batch]
        for first, second in pairwise(joining):
            if first.takes_samples_off:
                raise ValueError(
                    f"plugins: got '{first.kind}' before '{second.kind}'; it takes its own samples "
                    "off the batch again, so that it must stand behind what else joins them"
                )
        return self

    @model_validator(mode="after")
    def _weights_can_be_compared(self) -> Self:
        comparing = [plugin.kind for plugin in self.plugins if plugin.compares_weights]
        if comparing and self.adapter.merges:
            raise ValueError(
                f"plugins: got '{comparing[0]}' beside the adapter '{self.adapter.kind}', whose "
                "update is merged before the plugin sees what was learned; use another adapter, "
                "for example lora, or for WiSE-FT beside lora_merged adapter.share alone"
            )
        return self

    @model_validator(mode="after")
    def _augmentation_has_images(self) -> Self:
        if self.train.augmentation is None:
            return self
        what = None
        if self.adapter.input_kind in QUESTION_INPUTS:
            what = "answers questions; only images that are classified are augmented"
        elif not self.adapter.trains:
            what = "does not train"
        if what is not None:
            raise ValueError(
                f"train.augmentation: got one beside the adapter '{self.adapter.kind}', which "
                f"{what}; leave it out"
            )
        for plugin in self.plugins:
            if plugin.trains_on_memory_alone:
                raise ValueError(
                    f"train.augmentation: got one beside the plugin '{plugin.kind}', which trains "
                    "on what its memory holds, images as they are; leave it out"
                )
        return self

    @model_validator(mode="after")
    def _a_tower_is_rounded(self) -> Self:
        if self.train.precision != "fp32" and self.input_kind != "pixels":
            raise ValueError(
                f"train.precision: got '{self.train.precision}' beside the adapter "
                f"'{self.adapter.kind}', which trains inside of no tower; leave it out"
            )
        return self

    @model_validator(mode="after")
    def _one_teacher(self) -> Self:
        if len(self._teachers()) > 1:
            raise ValueError(
                f"teacher: got {self._teachers()}; all parts of a strategy learn from one"
            )
        return self

    @model_validator(mode="after")
    def _plugins_have_something_to_do(self) -> Self:
        if self.plugins and not self.adapter.trains:
            kinds = [plugin.kind for plugin in self.plugins]
            raise ValueError(
                f"plugins: got {kinds} beside the adapter '{self.adapter.kind}', which does not "
                "train; remove them"
            )
        return self

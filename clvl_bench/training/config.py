"""What a strategy file may say about training, and the strategy as a whole: adapter, plugins,
training settings.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from clvl_bench.core.schema import Schema
from clvl_bench.inputs.kinds import InputKind, most_demanding
from clvl_bench.methods._base.memory_config import MemoryConfig
from clvl_bench.methods.lora_merged.config import LoraMergedConfig
from clvl_bench.methods.registry import AnyAdapter, AnyPlugin


class TrainConfig(Schema):
    """How gradients are followed. The optimiser is made anew for each experience, as the papers do.

    In an online stream the benchmark says how many updates a step has, `epochs`, `batch_size` and
    `schedule` nothing: each sample comes once, batches are what has arrived, and the rate stays as
    it is.
    """

    data: Literal["experience", "cumulative", "joint"] = Field(
        "experience",
        description="what one training sees: an experience, all up to it, or all of the stream at "
        "once",
    )
    classes: Literal["experience", "seen"] = Field(
        "experience",
        description="the classes among which training logits are compared: those of the "
        "experience, or all seen",
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
    eps: float = Field(
        1e-8,
        gt=0,
        description="of adamw: what is added to the size of a gradient before dividing by it",
    )
    weight_decay: float = Field(0.0, ge=0)
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup_steps: int = Field(
        0, ge=0, description="linear rise to lr at the start of each experience"
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    pending_size: int = Field(
        4096,
        ge=1,
        description="online: samples that are kept until their label comes, the latest ones",
    )


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

    def _teachers(self) -> list[str]:
        named: set[str | None] = {
            getattr(part, "teacher", None) for part in (self.adapter, *self.plugins)
        }
        return sorted(name for name in named if name is not None)

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        kinds = [plugin.kind for plugin in self.plugins]
        if len(set(kinds)) < len(kinds):
            raise ValueError(f"plugins: got {kinds}; each kind may stand once")
        if self.train.data == "cumulative" and self.train.classes != "seen":
            raise ValueError(
                'train.classes: got \'experience\' beside data = "cumulative"; set classes = "seen"'
            )
        rehearsing = [plugin.kind for plugin in self.plugins if isinstance(plugin, MemoryConfig)]
        if rehearsing and self.train.classes != "seen":
            raise ValueError(
                f"train.classes: got 'experience' beside the plugin '{rehearsing[0]}', whose "
                f"samples are of earlier classes; "
                'set classes = "seen"'
            )
        if "gdumb" in kinds and self.train.iterations is not None:
            raise ValueError(
                "train.iterations: got a number of steps beside the plugin 'gdumb', whose passes "
                "are as long as its memory; "
                "set train.epochs in its place"
            )
        in_rounds = [kind for kind in kinds if kind in ("grip", "cpl")]
        if in_rounds and self.train.iterations is not None:
            raise ValueError(
                f"train.iterations: got a number of steps beside the plugin '{in_rounds[0]}', "
                f"whose rounds are epochs long; "
                "set train.epochs in its place"
            )
        if "gdumb" in kinds and getattr(self.adapter, "adds_parts", False):
            raise ValueError(
                f"plugins: got 'gdumb', which makes a fresh model of a memory for every test, "
                f"beside the adapter "
                f"'{self.adapter.kind}', which adds a part for each experience; use another, for "
                f"example linear, lora or full"
            )
        rehearsed = [kind for kind in kinds if kind in ("derpp", "replay", "icarl")]
        if rehearsed[:1] == ["derpp"] and len(rehearsed) > 1:
            raise ValueError(
                f"plugins: got 'derpp' before '{rehearsed[1]}'; it takes its own samples off the "
                f"batch again, "
                "so that it must stand behind what else joins them"
            )
        comparing = [
            plugin.kind for plugin in self.plugins if getattr(plugin, "compares_weights", False)
        ]
        if comparing and isinstance(self.adapter, LoraMergedConfig):
            raise ValueError(
                f"plugins: got '{comparing[0]}' beside the adapter 'lora_merged', whose update is "
                f"merged and begun anew "
                "before the plugin sees what was learned; use the adapter 'lora', or for WiSE-FT "
                "adapter.share alone"
            )
        if len(self._teachers()) > 1:
            raise ValueError(
                f"teacher: got {self._teachers()}; all parts of a strategy learn from one"
            )
        if self.plugins and not getattr(self.adapter, "trains", True):
            raise ValueError(
                f"plugins: got {kinds} beside the adapter '{self.adapter.kind}', which does not "
                f"train; remove them"
            )
        return self

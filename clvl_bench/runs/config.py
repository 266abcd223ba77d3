"""A run: one benchmark, one strategy, one backbone, one seed; and the id that these choices add up
to.
"""

from typing import Any, Self

from pydantic import Field, model_validator

from clvl_bench.backbones.catalog import Precision
from clvl_bench.core.schema import Schema
from clvl_bench.data.catalog.sources import FeaturesSource
from clvl_bench.inputs.kinds import QUESTION_INPUTS
from clvl_bench.methods.answer_ranking.config import RankingConfig
from clvl_bench.methods.none.config import NoneConfig
from clvl_bench.records.run_id import run_id
from clvl_bench.runs.run_id import hashed, without_folders
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.training.config import StrategyConfig

ZEROSHOT = StrategyConfig(version=1, adapter=NoneConfig())
RANKED = StrategyConfig(version=1, adapter=RankingConfig())
"""The untouched backbone, asked about classes and asked questions."""


class RunConfig(Schema):
    """Everything that decides a run's numbers, but for the data and weights themselves, whose
    hashes are in its record.
    """

    benchmark: str
    strategy: str
    backbone: str = "tiny"
    seed: int = Field(0, ge=0)
    precision: Precision = Field(
        "fp32", description="of the matrix products of frozen towers; what trains is fp32"
    )
    threads: int = Field(
        1, ge=1, description="threads change the last bits of sums, so they belong to the run"
    )
    limit: int | None = Field(
        None, ge=1, description="samples a split, for trying things out; marks the run as partial"
    )
    benchmark_config: BenchmarkConfig
    strategy_config: StrategyConfig

    @model_validator(mode="after")
    def _reference_is_there(self) -> Self:
        needed = any(plugin.needs_reference for plugin in self.strategy_config.plugins)
        if needed and self.benchmark_config.reference is None:
            raise ValueError(
                f"{self.strategy} distils on a reference set, and {self.benchmark} declares none; "
                'add reference = "..." to the benchmark'
            )
        return self

    @model_validator(mode="after")
    def _tasks_agree(self) -> Self:
        asks = self.benchmark_config.questions is not None
        answers = self.strategy_config.adapter.input_kind in QUESTION_INPUTS
        if answers != asks:
            does, wants = (
                ("answers questions", "classifies images")
                if answers
                else ("classifies images", "answers questions")
            )
            raise ValueError(
                f"strategy: {self.strategy} {does}, and {self.benchmark} is for a strategy that "
                f"{wants}; "
                "clvl-bench list strategies shows what each does"
            )
        return self

    @model_validator(mode="after")
    def _augmentation_has_pixels(self) -> Self:
        if self.strategy_config.train.augmentation is None:
            return self
        stream = self.benchmark_config
        if stream.online is not None:
            raise ValueError(
                f"train.augmentation: got one, and {self.benchmark} is online: there a sample is "
                "learned from as it was predicted; set train.augmentation=none"
            )
        for name in stream.datasets:
            if isinstance(stream.declared(name).source, FeaturesSource):
                raise ValueError(
                    f"train.augmentation: got one, and {name} has precomputed features, no pixels "
                    "that a view could be cut from; set train.augmentation=none"
                )
        return self

    @model_validator(mode="after")
    def _learns_from_a_stream(self) -> Self:
        adapter = self.strategy_config.adapter
        plugins = self.strategy_config.plugins
        train = self.strategy_config.train
        is_online = self.benchmark_config.online is not None
        for plugin in plugins:
            if plugin.needs_online and not is_online:
                raise ValueError(
                    f"{self.strategy} has the plugin '{plugin.kind}', which is for online streams, "
                    f"and {self.benchmark} is none; add a table [online]"
                )
        if not is_online or not adapter.learns_from_labels:
            return self
        for part in (adapter, *plugins):
            if part.needs_experiences:
                raise ValueError(
                    f"{self.strategy} has '{part.kind}', which needs whole experiences, and "
                    f"{self.benchmark} is online; {part.without_experiences}"
                )
        if train.data != "experience":
            raise ValueError(
                f"{self.strategy} trains on {train.data} data, and {self.benchmark} is online: "
                f"each sample comes once"
            )
        if train.classes != "seen":
            raise ValueError(
                f"{self.strategy} compares the classes of one {train.classes}, and in "
                f'{self.benchmark} labels may be of an earlier one; set train.classes = "seen"'
            )
        return self

    @property
    def untouched(self) -> StrategyConfig:
        """Row 0 of every run: the untouched backbone, whatever the strategy."""
        return ZEROSHOT if self.benchmark_config.questions is None else RANKED

    @property
    def backbone_name(self) -> str:
        """The backbone without the folders above it: what tables show."""
        return without_folders(self.backbone)

    @property
    def coordinates(self) -> dict[str, Any]:
        """The fields that every record of this run shares."""
        return {
            "benchmark": self.benchmark,
            "label_space": self.benchmark_config.label_space,
            "strategy": self.strategy,
            "backbone": self.backbone_name,
            "seed": self.seed,
            "class_order": self.benchmark_config.class_order_seed,
        }

    def hashed(self) -> dict[str, Any]:
        """What the id is a hash of: the whole configuration, without folders."""
        return hashed(self)

    @property
    def id(self) -> str:
        """The run's name and folder; see `runs/run_id.py`."""
        return run_id((self.benchmark, self.strategy, self.backbone_name), self.seed, hashed(self))

"""A run: one benchmark, one strategy, one backbone, one seed; and the id that these choices add up
to.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from clvl_bench.backbones.catalog import Precision
from clvl_bench.core.errors import Mistake
from clvl_bench.core.schema import Schema
from clvl_bench.data.catalog.listing import NAMES, QUESTION_NAMES, find, find_questions
from clvl_bench.inputs.kinds import QUESTION_INPUTS
from clvl_bench.methods.answer_ranking.config import RankingConfig
from clvl_bench.methods.none.config import NoneConfig
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
                f"{self.strategy} compares the classes of one experience, and in {self.benchmark} "
                f"labels may be of an earlier "
                'one; set train.classes = "seen"'
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

    def chosen(self) -> dict[str, Any]:
        """What was chosen, without defaults and without paths: a new field with a default orphans
        no old record, and data that moved to another folder are the same data.
        """
        content = self.model_dump(mode="json", exclude_defaults=True)
        content["backbone"] = self.backbone_name
        for part in (
            content["strategy_config"]["adapter"],
            *content["strategy_config"].get("plugins", []),
        ):
            for model in ("teacher", "answerer"):
                if part.get(model) is not None:
                    part[model] = without_folders(part[model])
        stream = content["benchmark_config"]
        for name, dataset in (
            *stream.get("dataset", {}).items(),
            *stream.get("question_dataset", {}).items(),
        ):
            if (
                name in NAMES
            ):  # a table says only what it changes, whatever else the declaration comes to say
                known = find_questions(name) if name in QUESTION_NAMES else find(name)
                declared = known.model_dump(mode="json", exclude_defaults=True)
                for field in [
                    field for field, value in dataset.items() if value == declared.get(field)
                ]:
                    dataset.pop(field)
            if dataset.get("captions"):
                dataset["captions"] = Path(dataset["captions"]).name
            for key in ("path", "text", "split_file"):
                dataset.get("source", {}).pop(key, None)
        return content

    def refuse_other_kinds(self, recorded: Mapping[str, Any], *, folder: Path) -> None:
        """A file whose adapter or plugins are of another kind now, under the same name. `kind` is a
        default of each class, so that the id does not hold it, and ids of what is committed must
        stay: the record is asked.

        Args:
            recorded: the configuration in the provenance of the finished run in this folder.

        Raises:
            Mistake: it is the run of another strategy.
        """
        theirs = recorded["strategy_config"]
        before = [part["kind"] for part in (theirs["adapter"], *theirs["plugins"])]
        now = [part.kind for part in (self.strategy_config.adapter, *self.strategy_config.plugins)]
        if before != now:
            raise Mistake(
                f"{folder} is a finished run of the strategy '{self.strategy}' when it was "
                f"{', '.join(before)}; now it is "
                f"{', '.join(now)}: give the file another name, or delete that folder to run anew"
            )

    @property
    def id(self) -> str:
        """Readable names and the hash of the choices: the run's folder."""
        digest = hashlib.sha256(json.dumps(self.chosen(), sort_keys=True).encode()).hexdigest()[:12]
        names = (self.benchmark, self.strategy, self.backbone_name)
        slug = "-".join(re.sub(r"[^A-Za-z0-9_.]+", "_", name) for name in names)
        return f"{slug}-s{self.seed}-{digest}"


def without_folders(backbone: str) -> str:
    """A name as it is; of the path of a folder its last part."""
    return Path(backbone).name if backbone.startswith((".", "/", "~")) else backbone

"""Configuration: what was run, as a report may show it: whole, and without a place on any disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from clvl_bench.records.result import Result
from clvl_bench.streams.config import BenchmarkConfig

OF_DATA = ("dataset", "question_dataset")
"""Tables of a benchmark's configuration that say what a user's own data are like."""


@dataclass(frozen=True)
class Configuration:
    """`told` is the whole configuration without places, `stream` the benchmark with them: it is
    asked for names of classes, and never shown.
    """

    told: Mapping[str, Any]
    stream: BenchmarkConfig
    limit: int | None = None

    @property
    def shown(self) -> dict[str, Any]:
        """What a page says of it. Of a user's data it names the kind of their source, and no file
        or pattern of file names.
        """
        stream = dict(self.told["benchmark_config"])
        for field in OF_DATA:
            tables = stream.get(field) or {}
            stream[field] = {name: _without_source(table) for name, table in tables.items()}
        return {**self.told, "benchmark_config": stream}


def recorded(result: Result) -> Configuration | None:
    """That of a finished run; None where another version recorded it otherwise than this one
    reads it.
    """
    config = result.provenance["config"]
    try:
        stream = BenchmarkConfig.model_validate(config["benchmark_config"])
    except ValidationError:
        return None
    return Configuration(result.provenance["hashed"], stream, config["limit"])


def _without_source(table: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in table.items() if name not in ("source", "captions")}
    if "source" in table:
        kept["source"] = {"kind": table["source"]["kind"]}
    return kept

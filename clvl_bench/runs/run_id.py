"""What a run's id hashes: the whole resolved configuration, without the folders in which data and
weights lie on this machine.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clvl_bench.core.schema import whole
from clvl_bench.data.catalog.listing import NAMES
from clvl_bench.records.run_id import SCHEMA
from clvl_bench.streams.config import BenchmarkConfig

if TYPE_CHECKING:
    from clvl_bench.runs.config import RunConfig

PLACES = ("path", "text", "split_file")
"""Fields of a source that say where it lies. What lies there is hashed in the provenance."""

MODELS = ("teacher", "answerer")


def hashed(config: "RunConfig") -> dict[str, Any]:
    """Kinds and defaults included, so that neither a changed default nor another adapter under an
    old name is answered with old numbers.
    """
    content = {"schema": SCHEMA, **whole(config), "backbone": config.backbone_name}
    strategy = content["strategy_config"]
    for part in (strategy["adapter"], *strategy["plugins"]):
        for model in MODELS:
            if part.get(model) is not None:
                part[model] = without_folders(part[model])
    stream = content["benchmark_config"]
    for field in ("dataset", "question_dataset"):
        stream[field] = _said(stream[field], config.benchmark_config)
    return content


def without_folders(backbone: str) -> str:
    """A name as it is; of the path of a folder its last part."""
    return Path(backbone).name if backbone.startswith((".", "/", "~")) else backbone


def _said(tables: dict[str, dict[str, Any]], stream: BenchmarkConfig) -> dict[str, dict[str, Any]]:
    """What tables of datasets say beyond places and, of a dataset of the suite, beyond its
    declaration. One that says where a copy lies, and nothing else, says nothing: whether a user
    needs one is a matter of the machine.
    """
    said = {}
    for name, table in tables.items():
        reduced = _without_places(table)
        if name in NAMES:
            reduced = _beyond(reduced, _without_places(whole(stream.declared_by_suite(name))))
        if reduced:
            said[name] = reduced
    return said


def _without_places(table: dict[str, Any]) -> dict[str, Any]:
    source = {name: value for name, value in table["source"].items() if name not in PLACES}
    captions = table.get("captions")
    named = {"captions": Path(captions).name} if captions else {}
    return {**table, "source": source, **named}


def _beyond(table: dict[str, Any], declared: dict[str, Any]) -> dict[str, Any]:
    """The fields in which a table differs from the declaration that it is laid over."""
    said = {name: value for name, value in table.items() if value != declared[name]}
    if "source" in said and _same_layout(said["source"], declared["source"]):
        del said["source"]
    return said


def _same_layout(source: dict[str, Any], declared: dict[str, Any]) -> bool:
    """Whether a copy is laid out as published. The files of a hub are parquet wherever they lie,
    and a dataset that everybody brings says what its copies are like.
    """
    published = _without_places({"source": declared.get("like", declared)})["source"]
    if published["kind"] == "hub":
        published = {**published, "kind": "parquet"}
    return all(name in published and published[name] == value for name, value in source.items())

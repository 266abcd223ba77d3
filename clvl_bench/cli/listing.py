"""Listing: the tables of what there is, printed without importing torch."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import BaseModel
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
from clvl_bench.runs.files import load
from clvl_bench.runs.toml_files import locate, names
from clvl_bench.streams.config import BenchmarkConfig

Rows = list[tuple[str, ...]]

NARROW = 17
"""Columns up to this width stay whole on a terminal of 80; what is wider folds."""


def _datasets() -> Rows:
    rows: Rows = [("name", "classes", "train/valid/test", "size", "licence", "here")]
    for dataset in DATASETS:
        sizes = "/".join(
            str(dataset.splits.get(split, "-")) for split in ("train", "valid", "test")
        )
        size = sizes if dataset.splits else f"{dataset.samples}, no split"
        missing = "own copy" if isinstance(dataset.source, OwnCopySource) else "fetch"
        here = "yes" if is_here(dataset) else missing
        rows.append(
            (
                dataset.name,
                str(len(dataset.classes)),
                size,
                _weight(dataset),
                _licence(dataset.licence),
                here,
            )
        )
    for asked in QUESTIONS:
        parts = asked.partitions["official"]
        size = (
            "/".join(str(parts.get(split, "-")) for split in ("train", "valid", "test"))
            if parts
            else "not stated"
        )
        here = "yes" if is_here(asked) else "own copy"
        rows.append((asked.name, "questions", size, _weight(asked), _licence(asked.licence), here))
    return rows


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


def _models(declared: Sequence[BackboneDeclaration]) -> Rows:
    rows: Rows = [("name", "size", "input", "context", "licence", "here")]
    for each in declared:
        missing = (
            "fetch"
            if each.revision is not None
            else "import"
            if each.architecture is not None
            else "own copy"
        )
        here = "yes" if backbones.is_here(each) else missing
        size = "-" if each.embedded else _megabytes(each.download_mb)
        rows.append(
            (each.name, size, f"{each.image_size} px", str(each.context_length), each.licence, here)
        )
    return rows


def _benchmarks() -> Rows:
    rows: Rows = [("name", "what", "data")]
    for name in names("benchmark"):
        config = load("benchmark", name)
        assert isinstance(config, BenchmarkConfig)
        absent = [dataset for dataset in config.named if not is_here(config.declared(dataset))]
        rows.append(
            (name, _headline("benchmark", name), "here" if not absent else f"{len(absent)} missing")
        )
    return rows


def _strategies() -> Rows:
    return [("name", "what"), *((name, _headline("strategy", name)) for name in names("strategy"))]


def _headline(sort: str, name: str) -> str:
    """What a file says of itself: its first line."""
    first, *_ = locate(sort, name).read_text(encoding="utf-8").splitlines()
    return first.removeprefix("#").strip()


def _kinds(configs: Callable[[], Mapping[str, type[MethodConfig]]]) -> Rows:
    """Every kind, and the first line of what its configuration says it is."""
    lines = [(kind, (config.__doc__ or "").splitlines()[0]) for kind, config in configs().items()]
    return [("kind", "what it does"), *lines]


def _fields(member: type[BaseModel]) -> Rows:
    """What a file may say of an adapter or plugin."""
    rows: Rows = [("field", "default", "allowed", "what")]
    schema = member.model_json_schema()["properties"]
    for name, field in member.model_fields.items():
        if name != "kind":
            default = (
                "needed"
                if field.is_required()
                else "-"
                if field.default is None
                else json.dumps(field.default)
            )
            rows.append((name, default, _allowed(schema[name]), field.description or ""))
    return rows


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
    return [
        ("name", "title", "better"),
        *((k, m.title, "higher" if m.better > 0 else "lower") for k, m in METRICS.items()),
    ]


TABLES: dict[str, Callable[[], Rows]] = {
    "datasets": _datasets,
    "benchmarks": _benchmarks,
    "strategies": _strategies,
    "adapters": partial(_kinds, adapters),
    "plugins": partial(_kinds, plugins),
    "backbones": partial(_models, BACKBONES),
    "answerers": partial(_models, ANSWERERS),
    "metrics": _metrics,
}


def show(what: str) -> None:
    """Print one table, or all, or the fields of one adapter or plugin.

    Raises:
        Mistake: there is no such table.
    """
    members = {**adapters(), **plugins()}
    kinds: dict[str, Callable[[], Rows]] = {
        kind: partial(_fields, member) for kind, member in members.items()
    }
    tables = {**kinds, **TABLES}
    if what != "all" and what not in tables:
        near, allowed = near_match(what, [*tables, "all"]), ", ".join([*TABLES, "all"])
        raise Mistake(
            f"list: unknown table '{what}': {near}allowed: {allowed}, or a kind of adapter or "
            f"plugin"
        )
    console = Console()
    for name in TABLES if what == "all" else (what,):
        titles, *rows = tables[name]()
        if not rows:
            print(f"{name}: has nothing to set")
            continue
        table = Table(
            title=name if what == "all" else None,
            box=box.SIMPLE_HEAD,
            title_justify="left",
            padding=(0, 1, 0, 0),
            pad_edge=False,
        )
        widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
        for title, width in zip(titles, widths, strict=True):
            table.add_column(title, overflow="fold", no_wrap=width <= NARROW)
        for row in rows:
            table.add_row(*(escape(cell) for cell in row))
        console.print(table)

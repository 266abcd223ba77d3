"""A page for each method, made of what the code and the committed results say of it."""

import ast
import csv
import inspect
import tomllib
from datetime import date
from functools import cache
from pathlib import Path
from typing import NamedTuple

import wording
from links import ROOT, mended, on_github

from clvl_bench.cli import listing
from clvl_bench.methods import registry
from clvl_bench.methods._base.config import AdapterConfig, MethodConfig, PluginConfig
from clvl_bench.runs.files import load
from clvl_bench.runs.toml_files import names
from clvl_bench.training.config import StrategyConfig

REPRODUCTION = "results/REPRODUCTION.md"
VERIFIED = "results/verified.toml"
FOLDER = "generated/methods"
MEASURED = {"last": "last", "forgetting": "forgetting", "heldout": "held-out zero-shot"}
"""Columns of summary.csv that a page shows, and what it calls them."""


class Verdict(NamedTuple):
    """What REPRODUCTION.md says of a strategy: cells of its last table."""

    strategies: str
    source: str
    figure: str
    status: str
    equality: str


class Word(NamedTuple):
    """What an author of the paper says of our form of a method: a table of verified.toml."""

    kind: str
    who: str
    day: date
    commit: str
    said: str
    where: str


def method_pages() -> dict[str, str]:
    """The text of each page, by where it lies below docs/."""
    configs: dict[str, type[MethodConfig]] = {**registry.adapters(), **registry.plugins()}
    pages = {f"{FOLDER}/{kind}.md": page_of(kind, config) for kind, config in configs.items()}
    return {f"{FOLDER}/index.md": _index(), **pages}


def _index() -> str:
    return "\n".join(
        [
            "# Methods",
            "",
            "An adapter says what is trainable and how logits come out, a plugin what else happens "
            "while a strategy learns. These pages are made from the code when the site is built.",
            "",
            "## Adapters",
            _contents(registry.adapters()),
            "## Plugins",
            _contents(registry.plugins()),
        ]
    )


def _contents(configs: dict[str, type[AdapterConfig]] | dict[str, type[PluginConfig]]) -> str:
    rows = []
    for kind, config in configs.items():
        rows.append([f"[{kind}]({kind}.md)", _first_sentence(config), str(len(users(kind)))])
    contents = "\n".join(configs)
    tree = f"```{{toctree}}\n:hidden:\n\n{contents}\n```\n"
    return wording.table(["kind", "what it does", "strategies"], rows) + "\n" + tree


def _first_sentence(config: type[MethodConfig]) -> str:
    """The first paragraph of what the settings say they are."""
    return wording.text(inspect.getdoc(config) or "").partition("\n\n")[0]


def page_of(kind: str, config: type[MethodConfig]) -> str:
    """What it is, what may be set, who uses it, and what is known of it."""
    role = "adapter" if issubclass(config, AdapterConfig) else "plugin"
    source = f"clvl_bench/methods/{kind}/{role}.py"
    return "\n".join(
        [
            f"# {kind}",
            "",
            wording.text(inspect.getdoc(config) or ""),
            "",
            f"Kind `{kind}` ({role}): [code]({on_github(source)}).",
            "",
            "## The paper, and what differs from it",
            wording.text(_docstring(source)),
            "",
            "## Settings",
            _settings(config),
            "## Strategies that use it",
            _strategies(kind),
            "## Compared with the paper and its released code",
            _verdicts(kind),
            "## Verified by the authors",
            _verified(words(), kind),
            "## In the committed results",
            _results(kind),
        ]
    )


def _docstring(source: str) -> str:
    """What a module says of itself, without importing it."""
    return ast.get_docstring(ast.parse((ROOT / source).read_text(encoding="utf-8"))) or ""


def _settings(config: type[MethodConfig]) -> str:
    titles, *rows = listing.fields(config)
    cells = [[wording.code(name), *map(wording.text, others)] for name, *others in rows]
    declared = [wording.code(name) for name in _declared(config)]
    said = f"Reads `{config.input_kind}`. "
    if declared:
        said += f"Declares {', '.join(declared)} ([what these mean]"
        said += f"({on_github('clvl_bench/methods/_base/config.py')}))."
    return "\n".join([wording.table(titles, cells) or "There is nothing to set.\n", said, ""])


def _declared(config: type[MethodConfig]) -> list[str]:
    """What is true of it as it comes, and not of methods in general."""
    base = AdapterConfig if issubclass(config, AdapterConfig) else PluginConfig
    told = config()
    true_of_all = [name for name, value in vars(base).items() if value is True]
    properties = [name for name, value in vars(base).items() if isinstance(value, bool | property)]
    found = [name for name in properties if getattr(told, name) is True]
    return [name for name in found if name not in true_of_all]


def _strategies(kind: str) -> str:
    rows = []
    for name in users(kind):
        file = on_github(f"experiments/strategies/{name}.toml")
        rows.append([f"[{name}]({file})", wording.text(listing.headline("strategy", name))])
    return wording.table(["strategy", "what"], rows) or "None of the shipped ones.\n"


@cache
def strategy(name: str) -> StrategyConfig:
    """A shipped strategy."""
    config = load("strategy", name)
    assert isinstance(config, StrategyConfig)
    return config


@cache
def users(kind: str) -> tuple[str, ...]:
    """The shipped strategies that a method is part of."""
    return tuple(name for name in names("strategy") if kind in _parts(strategy(name)))


def _parts(config: StrategyConfig) -> set[str]:
    return {config.adapter.kind, *(plugin.kind for plugin in config.plugins)}


def _verdicts(kind: str) -> str:
    chosen = [row for row in verdicts() if set(row.strategies.split(", ")) & set(users(kind))]
    titles = ["strategy", "source", "published figure", "status", "equal to released code"]
    missing = "No strategy that uses it has a row there."
    page = "The rows of [reproduction](../results/reproduction.md) for these strategies.\n\n"
    return page + (wording.table(titles, chosen) or f"{missing}\n")


@cache
def verdicts() -> tuple[Verdict, ...]:
    """The rows of the last table of REPRODUCTION.md."""
    page = (ROOT / REPRODUCTION).read_text(encoding="utf-8")
    page = mended(page, file=REPRODUCTION, page=f"{FOLDER}/index.md")
    lines = page.rpartition("\n|---|")[2].splitlines()[1:]
    rows = [line.strip("|").split("|") for line in lines if line.startswith("|")]
    return tuple(Verdict(*(cell.strip() for cell in row)) for row in rows)


@cache
def words() -> tuple[Word, ...]:
    """What authors have said so far."""
    content = tomllib.loads((ROOT / VERIFIED).read_text(encoding="utf-8"))
    return tuple(Word(**each) for each in content.get("word", ()))


def _verified(said: tuple[Word, ...], kind: str) -> str:
    rows = []
    for word in said:
        if word.kind == kind:
            link = f"[there]({word.where})"
            told = [wording.text(word.who), word.day.isoformat(), wording.code(word.commit)]
            rows.append([*told, wording.text(word.said), link])
    how = f"{on_github('CONTRIBUTING.md')}#the-authors-word"
    nobody = f"By none of them yet. Who wrote the paper can [give their word]({how}).\n"
    return wording.table(["who", "when", "commit", "what they say", "where"], rows) or nobody


def _results(kind: str) -> str:
    rows = []
    for folder, line in result_rows():
        if line["strategy"] in users(kind):
            place = f"[{folder}]({on_github(f'results/{folder}/summary.md')})"
            shown = [_percent(line.get(f"{metric}_mean", "")) for metric in MEASURED]
            rows.append([place, line["benchmark"], line["strategy"], *shown, line["n"]])
    titles = ["results", "benchmark", "strategy", *MEASURED.values(), "n"]
    said = "Means over n runs, in percent. Rows with settings of their own are left out here; what "
    said += "begins with `toy_` is [a toy](../../explanation/toy.md).\n\n"
    return said + wording.table(titles, rows) if rows else "None has a row there.\n"


@cache
def result_rows() -> tuple[tuple[str, dict[str, str]], ...]:
    """Each row of each committed summary, with its folder."""
    found = []
    for file in sorted((ROOT / "results").glob("*/summary.csv")):
        found += [(file.parent.name, line) for line in _lines(file)]
    return tuple(found)


def _lines(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def _percent(cell: str) -> str:
    return f"{100 * float(cell):.1f}" if cell not in ("", "nan") else "–"

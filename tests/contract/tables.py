"""The project's own tables, as the contract tests walk them: what is listed there is tested,
nothing is listed here.
"""

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from clvl_bench.methods.registry import adapters
from clvl_bench.runs.extends import resolve
from clvl_bench.runs.toml_files import FOLDERS

ROOT = Path(__file__).parent.parent.parent
FILES = [
    (sort, path)
    for sort, folder in FOLDERS.items()
    for path in sorted((ROOT / folder).glob("*.toml"))
]
STRATEGIES = [path for sort, path in FILES if sort == "strategy"]
MANY = 100
"""The largest size (of a random projection, ...) that a contract test builds."""


def members(union: Any) -> dict[str, type[BaseModel]]:
    """Kind -> class of a discriminated union `Annotated[A | B, ...]`; with one member there is no
    union inside.
    """
    inner = get_args(union)[0]
    classes = [inner] if isinstance(inner, type) else get_args(inner)
    return {config.model_fields["kind"].default: config for config in classes}


def offering(package: ModuleType, function: str) -> dict[str, ModuleType]:
    """The modules of a package that offer a function of that name."""
    names = [found.name for found in pkgutil.iter_modules(package.__path__)]
    modules = {name: import_module(f"{package.__name__}.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, function)}


def written(path: Path, part: str) -> list[dict[str, Any]]:
    """The tables `adapter` or `plugins` of a strategy file, with what it extends."""
    content = _content(path).get(part, [])
    return [content] if isinstance(content, dict) else content


@cache
def _content(path: Path) -> Mapping[str, Any]:
    """What a strategy file says, read once: tables of tests ask for it a thousand times."""
    return resolve("strategy", path).content


def small(settings: dict[str, Any]) -> dict[str, Any]:
    """The whole numbers among settings that are larger than a test can wait for, cut: no promise
    depends on a size.
    """
    return {name: MANY for name, value in settings.items() if type(value) is int and value > MANY}


def configurations() -> list[Any]:
    """Every adapter that a strategy file uses; of every kind its defaults and, one at a time, every
    choice it offers.
    """
    tables = [table for path in STRATEGIES for table in written(path, "adapter")]
    for kind, config in adapters().items():
        tables += [
            {"kind": kind},
            *({"kind": kind, name: choice} for name, choice in _choices(config)),
        ]
    kinds = adapters()
    found: dict[str, Any] = {}
    for table in tables:
        try:
            adapter = kinds[table["kind"]].model_validate(table)
        except ValidationError:  # a choice that does not go with the other defaults
            continue
        adapter = adapter.model_copy(update=small(adapter.model_dump()))
        found.setdefault(repr(adapter), adapter)
    return list(found.values())


def label(adapter: Any) -> str:
    """A short name of an adapter's configuration: its kind and what differs from the defaults."""
    chosen = adapter.model_dump(exclude_defaults=True)
    return ",".join(
        [adapter.kind, *(f"{name}={value}" for name, value in chosen.items() if name != "kind")]
    )


def _choices(config: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    for name, field in config.model_fields.items():
        choices = (False, True) if field.annotation is bool else get_args(field.annotation)
        yield from ((name, choice) for choice in choices if isinstance(choice, str | bool))

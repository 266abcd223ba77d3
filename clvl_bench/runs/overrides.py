"""Overrides: `--set a.b=value`, laid over what a file says."""

from collections.abc import Sequence
from typing import Any

from clvl_bench.core.errors import Mistake, near_match, unknown
from clvl_bench.core.schema import Schema
from clvl_bench.methods._base.memory_config import BOUNDS
from clvl_bench.runs.toml_files import parse_toml


def lay_override(content: dict[str, Any], override: str, config: type[Schema]) -> None:
    """Lay `a.b=value` over parsed TOML; a list of tables (plugins) is entered by the `kind` of its
    members.
    """
    key, _, text = override.partition("=")
    *parents, name = key.strip().split(".")
    place: Any = content
    for depth, part in enumerate(parents):
        if isinstance(place, list):
            place = _member(override, parents[:depth], place, part)
        else:
            if depth == 0 and part not in config.model_fields:
                allowed = [*config.model_fields, "benchmark"]
                raise Mistake(
                    f"--set {override}: unknown '{part}'; {near_match(part, allowed)}allowed: "
                    f"{', '.join(allowed)}"
                )
            if part == "plugins" and part not in place:
                raise Mistake(
                    f"--set {override}: this strategy has no plugins; add them in a file of your "
                    f"own"
                )
            place = place.setdefault(part, {})
        if not isinstance(place, dict | list):
            raise Mistake(
                f"--set {override}: {'.'.join(parents[: depth + 1])} is {place!r} and has no "
                f"fields; set it itself"
            )
    if isinstance(place, list):
        _member(override, parents, place, name)
        raise Mistake(
            f"--set {override}: {key.strip()} is a table; set one of its fields, as in "
            f"{key.strip()}.field=value"
        )
    for bound in BOUNDS if name in BOUNDS else ():
        place.pop(bound, None)
    place[name] = _value(text.strip())


def _member(override: str, parents: Sequence[str], place: list[Any], kind: str) -> Any:
    """The table of that kind in a list of tables.

    Raises:
        Mistake: there is none, or it is a list of something else.
    """
    tables = [each for each in place if isinstance(each, dict)]
    if not tables:
        raise Mistake(f"--set {override}: {'.'.join(parents)} is a list; set it itself")
    for table in tables:
        if table.get("kind") == kind:
            return table
    kinds = [str(table.get("kind")) for table in tables]
    raise Mistake(f"--set {override}: {unknown(parents[-1], kind, kinds)}")


def _value(text: str) -> Any:
    """A TOML value, or where it is none, a string: `lr=0.1`, `sizes=[5, 5]`, `label_space=seen`."""
    try:
        return parse_toml(f"value = {text}")["value"]
    except ValueError:
        return text

"""Overrides: `--set a.b=value`, laid over what a file says."""

import tomllib
from typing import Any

from clvl_bench.core.errors import Mistake, near_match, unknown
from clvl_bench.core.schema import Schema
from clvl_bench.methods._base.memory_config import BOUNDS


def lay_override(content: dict[str, Any], override: str, config: type[Schema]) -> None:
    """Lay `a.b=value` over parsed TOML; a list of tables (plugins) is entered by the `kind` of its
    members.
    """
    key, _, text = override.partition("=")
    *parents, name = key.strip().split(".")
    place: Any = content
    for depth, part in enumerate(parents):
        if isinstance(place, list):
            found = [member for member in place if member.get("kind") == part]
            if not found:
                kinds = [str(member.get("kind")) for member in place]
                raise Mistake(f"--set {override}: {unknown(parents[depth - 1], part, kinds)}")
            place = found[0]
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
    for bound in BOUNDS if name in BOUNDS else ():
        place.pop(bound, None)
    place[name] = _value(text.strip())


def _value(text: str) -> Any:
    """A TOML value, or where it is none, a string: `lr=0.1`, `sizes=[5, 5]`, `label_space=seen`."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text

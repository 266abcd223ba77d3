"""Laying: the settings of one file laid over those of another. Pure; changes neither."""

from collections.abc import Mapping, Sequence
from typing import Any

from clvl_bench.core.errors import Mistake, unknown
from clvl_bench.methods._base.memory_config import BOUNDS


def laid_over(parent: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A table of the parent with a table of the file laid over it; changes neither."""
    merged = dict(parent)
    if any(bound in own for bound in BOUNDS):  # a memory has one bound: ours replaces either
        for bound in BOUNDS:
            merged.pop(bound, None)
    for name, value in own.items():
        merged[name] = _merged(name, parent.get(name), value)
    return merged


def _merged(name: str, parent: Any, own: Any) -> Any:
    if name == "plugins" and are_tables(parent) and are_tables(own):
        return _plugins(parent, own)
    if not isinstance(parent, dict) or not isinstance(own, dict):
        return own
    if "kind" in own and own["kind"] != parent.get("kind"):
        return own  # the parent's settings are of another kind, and unknown to ours
    return laid_over(parent, own)


def _plugins(parent: Sequence[Any], own: Sequence[Any]) -> list[Any]:
    """The parent's plugins in their order, each with ours of its kind laid over it; then our new
    ones.
    """
    new = list(own)
    merged = []
    for plugin in parent:
        same = [each for each in new if each.get("kind") == plugin.get("kind")]
        # A second one of the same kind stays in the list: validation refuses it.
        for each in same[:1]:
            new.remove(each)
            plugin = laid_over(plugin, each)
        merged.append(plugin)
    return merged + new


def are_tables(value: Any) -> bool:
    """Whether it is a list of tables, as plugins are."""
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def left_out(content: Any, parts: Sequence[str], complaint: str) -> Any:
    """A table or list of plugins without what lies at a place, plugins entered by their kind.

    Raises:
        Mistake: nothing lies there; begins with `complaint`.
    """
    first, *rest = parts
    if isinstance(content, dict):
        names = list(content)
    else:
        names = [str(each.get("kind")) for each in content] if are_tables(content) else []
    if first not in names:
        raise Mistake(f"{complaint}: {unknown('setting of the parent', first, names)}")
    if isinstance(content, dict):
        kept = {name: value for name, value in content.items() if name != first}
        if rest:
            kept[first] = left_out(content[first], rest, complaint)
        return kept
    plugins = []
    for plugin in content:
        if plugin.get("kind") != first:
            plugins.append(plugin)
        elif rest:
            plugins.append(left_out(plugin, rest, complaint))
    return plugins

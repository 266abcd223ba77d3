"""TOML as text: what `tomllib` reads, written. Tables and lists of tables one below the other, all
that lies deeper in one line.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def to_toml(content: Mapping[str, Any]) -> str:
    """A TOML text that reads back as the same content, but for what is None: TOML has no word for
    it, so that it is left out.

    Args:
        content: strings, numbers, booleans, paths, and lists and tables of them.

    Example:
        >>> print(to_toml({"version": 1, "train": {"lr": 0.001}}))
        version = 1
        [train]
        lr = 0.001
    """
    return "\n".join(_lines(content, ()))


def _lines(content: Mapping[str, Any], place: tuple[str, ...]) -> Iterable[str]:
    """The lines of a table. Its plain values come first: behind the head of an inner table they
    would belong to that one.
    """
    inner = {name: value for name, value in content.items() if _has_a_head(value)}
    for name, value in content.items():
        if value is not None and name not in inner:
            yield f"{_key(name)} = {_value(value)}"
    for name, value in inner.items():
        below = (*place, name)
        head = ".".join(_key(part) for part in below)
        if isinstance(value, Mapping):
            yield f"[{head}]"
            yield from _lines(value, below)
        else:
            for member in value:
                yield f"[[{head}]]"
                yield from _lines(member, below)


def _has_a_head(value: Any) -> bool:
    """Whether it is a table, or a list of tables (an empty list is a plain value)."""
    if isinstance(value, list | tuple) and value:
        return all(isinstance(member, Mapping) for member in value)
    return isinstance(value, Mapping)


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str | Path):
        # JSON's escapes are TOML's, but for the one control sign that JSON lets stand.
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        pairs = [
            f"{_key(name)} = {_value(each)}" for name, each in value.items() if each is not None
        ]
        return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
    return f"[{', '.join(map(_value, value))}]"

"""Reach: everything that can be got at from an object, and a fingerprint of all data in it.

Labels leave traces in many shapes (a tensor, a table from id to label, a count, a closure, the base
of an array's view), so none is searched for: two runs that differ in nothing but hidden labels must
not differ anywhere a strategy can reach.
"""

import gc
import hashlib
import types
import weakref
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Facts = dict[str, tuple[bytes, ...]]
"""Where something stands, as one would write it in Python -> a digest of the data there."""
Found = Iterable[tuple[str, Any]]
"""Objects, each with the way to it."""
Copies = dict[str, set[bytes]]
"""Where copies of samples stand -> which samples, as bytes."""

_ATOMS = (int, str, bytes, complex, type(None), np.integer, np.bool_, np.str_)
_DESCRIPTIONS = ("__annotations__", "__pydantic_", "_abc_impl")
"""What Python and pydantic note of a class for themselves, a third of all that could be reached."""
_CONTAINERS = (dict, types.MappingProxyType, list, tuple, deque, set, frozenset)


def facts(found: Found) -> Facts:
    """The data in what was found, but for single fractions: these are measured accuracies and
    seconds.
    """
    told: dict[str, list[bytes]] = {}
    for path, value in found:
        data = _data(value)
        if data is not None:
            told.setdefault(path, []).append(data)
    return {path: tuple(data) for path, data in told.items()}


def copies(found: Found, samples: Tensor) -> Copies:
    """Exact copies of samples [n, ...], alone or as rows of something larger."""
    known = {row.tobytes() for row in samples.detach().cpu().numpy()}
    size = samples[0].numel()
    held: Copies = {}
    for path, value in found:
        rows = _rows(value, size)
        here = known.intersection(row.tobytes() for row in rows)
        if here:
            held.setdefault(path, set()).update(here)
    return held


def _rows(value: Any, size: int) -> NDArray[Any]:
    """An array of fractions, so many in a row; no rows where they do not divide."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    fits = isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size % size == 0
    return value.reshape(-1, size) if fits else np.empty((0, size))


def differing(one: Facts, other: Facts) -> list[str]:
    """Places whose data differ, or that only one of two has."""
    return sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))


def reachable(root: Any, *, name: str, ignore: Collection[int] = ()) -> Iterator[tuple[str, Any]]:
    """Each object that can be reached, once (data each time), nearest first, with the way to it.

    Not entered: modules, the globals of functions, classes of other packages, and what Python and
    pydantic note of a class.
    """
    seen: dict[int, Any] = {}  # holds what it has seen, so that no id is given away twice
    queue = deque([(name, root)])
    while queue:
        path, value = queue.popleft()
        if isinstance(value, (*_ATOMS, float)):
            yield path, value
        elif id(value) not in seen and id(value) not in ignore:
            seen[id(value)] = value
            yield path, value
            queue.extend((path + step, part) for step, part in _parts(value))


def _data(value: Any) -> bytes | None:
    """A digest of what an object itself says, None if it only holds others."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray) and value.dtype != object:
        return _digest(repr((value.dtype, value.shape)).encode() + value.tobytes())
    if isinstance(value, bytearray | memoryview):
        return _digest(bytes(value))
    return _digest(repr(value).encode()) if isinstance(value, _ATOMS) else None


def _digest(data: bytes) -> bytes:
    return data if len(data) < 64 else hashlib.sha256(data).digest()


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What an object holds, each with the step that leads there."""
    match value:
        case types.ModuleType() | types.CodeType():
            return
        case type():
            yield from (
                (f".__bases__[{place}]", base) for place, base in enumerate(value.__bases__)
            )
            if value.__module__.partition(".")[0] == "clvl_bench":
                yield from (
                    (f".{name}", part)
                    for name, part in vars(value).items()
                    if not name.startswith(_DESCRIPTIONS)
                )
        case types.FunctionType():
            cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
            yield from ((f".closure[{name}]", cell) for name, cell in cells)
            yield from (
                (f".{name}", getattr(value, name))
                for name in ("__defaults__", "__kwdefaults__", "__dict__")
            )
        case types.GeneratorType():
            frame = value.gi_frame
            yield from (
                (f".locals[{name}]", part)
                for name, part in (frame.f_locals.items() if frame else ())
            )
        case types.FrameType():
            yield from ((f".locals[{name}]", part) for name, part in value.f_locals.items())
        case weakref.ReferenceType():
            yield "()", value()
        case _:
            yield from _items(value)
            yield from _attributes(value)


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    match value:
        case dict() | types.MappingProxyType():
            yield from ((f"[{_short(key)}]", part) for key, part in value.items())
            yield from ((".keys()", key) for key in value)
        case list() | tuple() | deque():
            yield from ((f"[{place}]", part) for place, part in enumerate(value))
        case set() | frozenset():
            yield from (("{}", part) for part in sorted(value, key=repr))
        case np.ndarray():
            yield from (
                (f"[{place}]", part)
                for place, part in enumerate(value.flat if value.dtype == object else ())
            )
        case _:
            return


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    """Attributes by name, then whatever else the interpreter knows an object to hold: slots, bound
    and C objects.
    """
    named = getattr(value, "__dict__", {})
    yield from ((f".{name}", part) for name, part in named.items())
    if isinstance(value, torch.Tensor):
        yield ".grad", value.grad if value.is_leaf else None
        yield ".base", value._base
    elif isinstance(value, np.ndarray):
        yield ".base", value.base
    elif not isinstance(value, _CONTAINERS):
        known = {id(named), *map(id, named.values())}
        yield from ((".*", part) for part in gc.get_referents(value) if id(part) not in known)


def _short(key: Any) -> str:
    return repr(key) if isinstance(key, _ATOMS) else type(key).__name__

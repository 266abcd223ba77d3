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
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Facts = dict[str, tuple[bytes, ...]]
"""Where something stands, as one would write it in Python -> a digest of the data there."""
Part = tuple[str, Any]
"""What an object holds, behind the step that leads there."""
Found = Iterable[tuple[str, Any]]
"""Objects, each with the way to it."""
Copies = dict[str, set[bytes]]
"""Where copies of samples stand -> which samples, as bytes."""

_ATOMS = (int, str, bytes, complex, type(None), np.integer, np.bool_, np.str_)
_PLAIN = (*_ATOMS, float)
_DESCRIPTIONS = ("__annotations__", "__pydantic_", "_abc_impl")
"""What Python and pydantic note of a class for themselves, a third of all that could be reached."""


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
        if isinstance(value, _PLAIN):
            yield path, value
        elif id(value) not in seen and id(value) not in ignore:
            seen[id(value)] = value
            yield path, value
            queue.extend((path + step, part) for step, part in _parts(value))


def _data(value: Any) -> bytes | None:
    """A digest of what an object itself says, None if it only holds others."""
    if isinstance(value, _ATOMS):  # nearly all
        return _digest(repr(value).encode())
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray) and value.dtype != object:
        return _digest(repr((value.dtype, value.shape)).encode() + value.tobytes())
    if isinstance(value, bytearray | memoryview):
        return _digest(bytes(value))
    return None


def _digest(data: bytes) -> bytes:
    return data if len(data) < 64 else hashlib.sha256(data).digest()


def _parts(value: Any) -> Iterable[Part]:
    """What an object holds, each with the step that leads there."""
    kind: Any = type(value)
    return _way_into(kind)(value)


@cache
def _way_into(kind: type) -> Callable[[Any], Iterable[Part]]:
    """How the objects of a class are entered: asked once a class, there are many objects of few."""
    return next((enter for of, enter in _WAYS if issubclass(kind, of)), _object)


def _nothing(value: Any) -> Iterator[Part]:
    yield from ()


def _class(value: type) -> Iterator[Part]:
    for place, base in enumerate(value.__bases__):
        yield f".__bases__[{place}]", base
    if value.__module__.partition(".")[0] == "clvl_bench":
        for name, part in vars(value).items():
            if not name.startswith(_DESCRIPTIONS):
                yield f".{name}", part


def _function(value: types.FunctionType) -> Iterator[Part]:
    for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
        yield f".closure[{name}]", cell
    for name in ("__defaults__", "__kwdefaults__", "__dict__"):
        yield f".{name}", getattr(value, name)


def _generator(value: "types.GeneratorType[Any, Any, Any]") -> Iterator[Part]:
    if value.gi_frame is not None:
        yield from _frame(value.gi_frame)


def _frame(value: types.FrameType) -> Iterator[Part]:
    for name, part in value.f_locals.items():
        yield f".locals[{name}]", part


def _weak(value: "weakref.ReferenceType[Any]") -> Iterator[Part]:
    yield "()", value()


def _mapping(value: Mapping[Any, Any]) -> Iterator[Part]:
    for key, part in value.items():
        yield f"[{_short(key)}]", part
        yield ".keys()", key
    yield from _named(value)


def _sequence(value: Iterable[Any]) -> Iterator[Part]:
    for place, part in enumerate(value):
        yield f"[{place}]", part
    yield from _named(value)


def _set(value: Collection[Any]) -> Iterator[Part]:
    for part in sorted(value, key=repr):
        yield "{}", part
    yield from _named(value)


def _array(value: NDArray[Any]) -> Iterator[Part]:
    if value.dtype == object:
        for place, part in enumerate(value.flat):
            yield f"[{place}]", part
    yield from _named(value)
    yield ".base", value.base


def _tensor(value: Tensor) -> Iterator[Part]:
    yield from _named(value)
    yield ".grad", value.grad if value.is_leaf else None
    yield ".base", value._base


def _object(value: Any) -> Iterator[Part]:
    """Attributes by name, then whatever else the interpreter knows an object to hold: slots, bound
    and C objects.
    """
    yield from _named(value)
    named = getattr(value, "__dict__", {})
    known = {id(named), *map(id, named.values())}
    for part in gc.get_referents(value):
        if id(part) not in known:
            yield ".*", part


def _named(value: Any) -> Iterator[Part]:
    for name, part in getattr(value, "__dict__", {}).items():
        yield f".{name}", part


_WAYS: tuple[tuple[Any, Callable[[Any], Iterable[Part]]], ...] = (
    ((types.ModuleType, types.CodeType), _nothing),
    (type, _class),
    (types.FunctionType, _function),
    (types.GeneratorType, _generator),
    (types.FrameType, _frame),
    (weakref.ReferenceType, _weak),
    ((dict, types.MappingProxyType), _mapping),
    ((list, tuple, deque), _sequence),
    ((set, frozenset), _set),
    (np.ndarray, _array),
    (torch.Tensor, _tensor),
)
"""Classes that are entered in a way of their own; of any other object all is looked at."""


def _short(key: Any) -> str:
    return repr(key) if isinstance(key, _ATOMS) else type(key).__name__

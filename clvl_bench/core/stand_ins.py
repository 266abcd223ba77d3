"""Stand-ins: a package is imported without others that it names and that nobody will ask it for.

Avalanche imports torchmetrics, wandb and matplotlib when it is imported, and transformers scipy:
half of what a command waits for, for metrics, loggers and losses that no run of the suite uses.
While they are imported, such packages are stood in for; whoever then does use one, say Avalanche's
own logger, finds the real thing. Afterwards an import of any of these names is an ordinary one.
"""

import importlib
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


@contextmanager
def standing_in(names: Collection[str]) -> Iterator[None]:
    """Within, imports of these packages and of what they hold give stand-ins.

    What is imported already, or not installed, stays as it is.

    Args:
        names: of packages, `matplotlib`, or of modules, `torch.utils.tensorboard`.

    Example:
        >>> with standing_in(["wave"]):
        ...     import wave
        >>> wave.Wave_read.__name__  # asked for, and imported now
        'Wave_read'
    """
    finder = _Finder([name for name in names if name not in sys.modules])
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in finder.stood_in:
            sys.modules.pop(name, None)
        finder.is_over = True


class _Finder(MetaPathFinder, Loader):
    """Finds a stand-in for each module of the packages."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self.stood_in: list[str] = []
        self.is_over = False

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        wanted = any(name == each or name.startswith(f"{each}.") for each in self._names)
        if not wanted or not _installed(name):
            return None
        return ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        self.stood_in.append(spec.name)
        module = _Module(spec.name)
        module.__dict__["_finder"] = self
        return module

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to do."""


def _installed(name: str) -> bool:
    return PathFinder.find_spec(name.partition(".")[0]) is not None


class _Module(ModuleType):
    """A module that is imported when somebody uses what it holds."""

    def __getattr__(self, name: str) -> Any:
        if self.__dict__["_finder"].is_over:
            return getattr(importlib.import_module(self.__name__), name)
        if name.startswith("__"):
            raise AttributeError(f"{self.__name__} is stood in for, and has no {name}")
        return _Held(self.__name__, name)


class _Held:
    """What a module holds under a name: a function, a class, a module.

    It can stand in a type hint, be called, asked for attributes, and given to `isinstance`.
    """

    def __init__(self, module: str, name: str) -> None:
        self.__dict__.update(_module=module, _name=name)

    def _real(self) -> Any:
        found = getattr(importlib.import_module(self._module), self._name)
        if isinstance(found, _Held):
            raise TypeError(f"{self._module}.{self._name} is used while it is stood in for")
        return found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._real()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"{self._module}.{self._name} is stood in for, and has no {name}")
        return getattr(self._real(), name)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._real())

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self._real(),)

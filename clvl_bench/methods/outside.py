"""Methods from outside the suite: installed packages, and a user's own file.

A package offers a method by an entry point of the group `clvl_bench.methods`, whose name is the
kind and whose object is the configuration class; it is imported when its kind is used, not before.
A file is loaded only when somebody names it on the command line (`--methods FILE.py`). Neither a
strategy file nor a record nor an archive can name code. Loading a method runs its code: SECURITY.md
says what that means.
"""

import hashlib
import inspect
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from clvl_bench.core.errors import Mistake
from clvl_bench.core.files import file_sha256, sha256
from clvl_bench.methods._base.config import AdapterConfig, MethodConfig, PluginConfig

GROUP = "clvl_bench.methods"
T = TypeVar("T")
FILE_PREFIX = "clvl_bench_methods_file_"
"""Modules that were loaded from a file have names that no package has."""

_from_files: dict[str, type[MethodConfig]] = {}
_files: dict[Path, str] = {}


@dataclass(frozen=True)
class Origin:
    """Where the code of an outside method came from, and the hash of it."""

    source: str
    sha256: str


def defined_in(module: ModuleType, base: type[T]) -> list[type[T]]:
    """The subclasses of a class that a module defines itself."""
    found = []
    for value in vars(module).values():
        is_one = isinstance(value, type) and issubclass(value, base)
        if is_one and value.__module__ == module.__name__:
            found.append(value)
    return found


def kind_of(config: type[MethodConfig]) -> str | None:
    """The name that files use for a configuration class; None for one that is only a base."""
    kind = config.model_fields["kind"].default
    return kind if isinstance(kind, str) else None


@cache
def installed() -> Mapping[str, EntryPoint]:
    """The methods of installed packages, by kind. Nothing is imported.

    Raises:
        Mistake: two packages offer the same kind.
    """
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        if point.name in found:
            both = f"'{found[point.name].value}' and '{point.value}'"
            raise Mistake(f"method '{point.name}': is offered by {both}; uninstall one of them")
        found[point.name] = point
    return found


def kinds() -> tuple[str, ...]:
    """The kinds of all methods from outside that are known by now."""
    return (*installed(), *_from_files)


def config_class(kind: str) -> type[MethodConfig]:
    """The configuration class of an outside method; imports it where it is a package's.

    Raises:
        KeyError: there is none of that kind.
        Mistake: it cannot be imported, or is no configuration class of that kind.
    """
    if kind in _from_files:
        return _from_files[kind]
    point = installed()[kind]
    where = f"method '{kind}' of the installed package '{_package(point)}'"
    try:
        found = point.load()
    except Exception as error:  # whatever a stranger's module raises is one line here
        raise Mistake(f"{where}: cannot be imported: {_told(error)}") from error
    if not (isinstance(found, type) and issubclass(found, MethodConfig) and kind_of(found) == kind):
        raise Mistake(
            f"{where}: '{point.value}' is no configuration class with kind = \"{kind}\"; its entry "
            "point names one"
        )
    return found


def session_class(kind: str) -> type[MethodConfig] | None:
    """A configuration class of that kind that only this session has defined; None if none has."""
    waiting: list[type[MethodConfig]] = [AdapterConfig, PluginConfig]
    while waiting:
        config = waiting.pop()
        if kind_of(config) == kind:
            return config
        waiting += config.__subclasses__()
    return None


def load_file(path: Path, *, taken: Iterable[str] = ()) -> tuple[str, ...]:
    """Load the methods of a file, once; returns their kinds.

    Args:
        taken: kinds that the suite has itself.

    Raises:
        Mistake: the file is not there, does not load, or defines no method of its own.
    """
    path = path.expanduser().resolve()
    if not path.is_file() or path.suffix != ".py":
        raise Mistake(f"--methods {path.name}: no such Python file; give the path of one")
    digest = file_sha256(path)
    if _files.get(path) == digest:
        return tuple(kind for kind, config in _from_files.items() if _path_of(config) == path)
    found = {kind_of(config): config for config in defined_in(_loaded(path, digest), MethodConfig)}
    methods = {kind: config for kind, config in found.items() if kind is not None}
    if not methods:
        raise Mistake(
            f"--methods {path.name}: defines no method; a class of AdapterConfig or PluginConfig "
            'with kind = "..." is one'
        )
    for kind in methods:
        if kind in taken or kind in installed():
            raise Mistake(
                f"--methods {path.name}: the kind '{kind}' is taken by another method; give it "
                "another name"
            )
    _from_files.update(methods)
    _files[path] = digest
    return tuple(methods)


def loaded_files() -> tuple[Path, ...]:
    """The files that were loaded, for worker processes to load as well."""
    return tuple(_files)


def origin_of(config: MethodConfig) -> Origin | None:
    """Where a method's code came from; None for one of the suite.

    Raises:
        Mistake: its source cannot be read, so that no record could say what ran.
    """
    module = sys.modules[type(config).__module__]
    package = module.__name__.partition(".")[0]
    if package == "clvl_bench":
        return None
    if module.__name__.startswith(FILE_PREFIX):
        path = _path_of(type(config))
        return Origin(f"file {path.name}", _files[path])
    for point in installed().values():
        if point.value.partition(":")[0] == module.__name__ and point.name == config.kind:
            return Origin(f"package {_package(point)}", _folder_sha256(module))
    return Origin("session", _source_sha256(config, module))


def role_of(kind: str) -> str:
    """`adapter` or `plugin`."""
    config = config_class(kind)
    if issubclass(config, AdapterConfig):
        return "adapter"
    if issubclass(config, PluginConfig):
        return "plugin"
    raise Mistake(f"method '{kind}': is neither an AdapterConfig nor a PluginConfig; choose one")


def _loaded(path: Path, digest: str) -> ModuleType:
    name = f"{FILE_PREFIX}{path.stem}_{digest[:8]}"
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # pydantic looks annotations up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a stranger's module raises is one line here
        sys.modules.pop(name)
        raise Mistake(f"--methods {path.name}: does not load: {_told(error)}") from error
    return module


def _path_of(config: type[MethodConfig]) -> Path:
    return Path(str(sys.modules[config.__module__].__file__)).resolve()


def _told(error: Exception) -> str:
    """An error in one line, with the line of the code that raised it where there is one."""
    first = (str(error).splitlines() or [""])[0]
    place = error.lineno if isinstance(error, SyntaxError) else _last_line(error)
    where = "" if place is None else f" (line {place})"
    return f"{type(error).__name__}: {first}{where}"


def _last_line(error: Exception) -> int | None:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return None if trace is None else trace.tb_lineno


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.value


def _folder_sha256(module: ModuleType) -> str:
    """Over all Python files of the folder in which a package's method lies."""
    folder = Path(str(module.__file__)).parent
    whole = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        whole.update(f"{file.relative_to(folder)} {file_sha256(file)}\n".encode())
    return whole.hexdigest()


def _source_sha256(config: MethodConfig, module: ModuleType) -> str:
    """Over all classes that a session (a notebook, a script) has defined so far.

    More than the method may need; but which of them it uses cannot be told from outside.
    """
    classes: set[type] = {*defined_in(module, object), type(config)}
    try:
        sources = sorted(_source_of(each) for each in classes)
    except (OSError, TypeError):
        raise Mistake(
            f"method '{config.kind}': its source cannot be read, so that no record could say what "
            "ran; define it in a file, a script or a notebook's cell"
        ) from None
    return sha256("\n".join(sources).encode())


def _source_of(found: type) -> str:
    """A class as text. Before Python 3.13 the source of a class in a notebook's cell is not to be
    had, but that of its functions is; of settings, fields and defaults say the rest.

    Raises:
        OSError, TypeError: a function was typed where nothing keeps its source.
    """
    try:
        return inspect.getsource(found)
    except (OSError, TypeError):
        functions = [value for value in vars(found).values() if inspect.isfunction(value)]
        sources = [inspect.getsource(function) for function in functions]
        fields = repr(found.model_fields) if issubclass(found, MethodConfig) else ""
        if not sources and not fields:
            raise
        return "\n".join([found.__qualname__, fields, *sources])

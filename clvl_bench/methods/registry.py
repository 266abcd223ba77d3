"""The registry: which methods there are. Nothing is listed anywhere.

They are what lies in `methods/`, what installed packages offer (`outside`), and what a file that
was named on the command line defines. A method's configuration is imported when its kind is used,
its code when it is built.
"""

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BeforeValidator, SerializeAsAny
from pydantic_core import PydanticCustomError

from clvl_bench.core.errors import Mistake, warn
from clvl_bench.core.rng import keyed
from clvl_bench.methods import outside
from clvl_bench.methods._base.config import AdapterConfig, MethodConfig, PluginConfig

if TYPE_CHECKING:
    from clvl_bench.backbones.base import Backbone
    from clvl_bench.data.catalog.candidate import Candidate
    from clvl_bench.methods._base.adapter import Adapter
    from clvl_bench.methods._base.plugin import Plugin, PluginContext

FOLDER = Path(__file__).parent
M = TypeVar("M", bound=MethodConfig)


@cache
def shipped_kinds(module: str) -> tuple[str, ...]:
    """The kinds of the suite whose folder holds that module: `adapter` or `plugin`."""
    return tuple(sorted(file.parent.name for file in FOLDER.glob(f"[!_]*/{module}.py")))


def adapter_kinds() -> tuple[str, ...]:
    """The kinds of all adapters, those from outside behind the suite's."""
    return (*shipped_kinds("adapter"), *_outside("adapter"))


def plugin_kinds() -> tuple[str, ...]:
    """The kinds of all plugins, those from outside behind the suite's."""
    return (*shipped_kinds("plugin"), *_outside("plugin"))


def load_methods(files: Sequence[Path]) -> None:
    """Load the methods of a user's files.

    Raises:
        Mistake: a file does not load, or defines no method of its own.
    """
    taken = (*shipped_kinds("adapter"), *shipped_kinds("plugin"))
    for file in files:
        outside.load_file(file, taken=taken)


def config_class(kind: str) -> type[MethodConfig]:
    """The configuration class of a kind.

    Raises:
        KeyError: there is no method of that kind.
        Mistake: it is a package's, and cannot be imported.
    """
    if kind in (*shipped_kinds("adapter"), *shipped_kinds("plugin")):
        return _shipped_class(kind)
    return outside.config_class(kind)


@cache
def _shipped_class(kind: str) -> type[MethodConfig]:
    module = import_module(f"clvl_bench.methods.{kind}.config")
    for config in outside.defined_in(module, MethodConfig):
        if outside.kind_of(config) == kind:
            return config
    raise AssertionError(f"clvl_bench/methods/{kind}/config.py has no class of the kind '{kind}'")


def _outside(role: str) -> tuple[str, ...]:
    """Kinds from outside; an installed package that cannot be imported is named and left out."""
    found = []
    for kind in outside.kinds():
        try:
            if outside.role_of(kind) == role:
                found.append(kind)
        except Mistake as error:
            warn(str(error))
    return tuple(found)


def _resolved(base: type[M], value: Any) -> Any:
    """A table of a file as the configuration of its kind; what is a configuration already stays."""
    if isinstance(value, base):
        return value
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise PydanticCustomError("union_tag_not_found", "has no 'kind'")
    try:
        config = config_class(value["kind"])
    except KeyError:
        config = None
    if config is None and outside.session_class(value["kind"]) is not None:
        raise ValueError(
            f"the kind '{value['kind']}' is a class of this session, which a file or another "
            "process cannot see; give run() a Strategy with it, or put it into a Python file and "
            "name that file (--methods FILE.py, methods=[...])"
        )
    if config is None or not issubclass(config, base):
        module = "adapter" if base is AdapterConfig else "plugin"
        # Without importing anybody's package: what it holds does not matter to this mistake.
        expected = ", ".join(f"'{kind}'" for kind in (*shipped_kinds(module), *outside.kinds()))
        context = {"tag": value["kind"], "expected_tags": expected}
        raise PydanticCustomError("union_tag_invalid", "unknown kind", context)
    return config.model_validate(value)


def _as_adapter(value: Any) -> Any:
    return _resolved(AdapterConfig, value)


def _as_plugin(value: Any) -> Any:
    return _resolved(PluginConfig, value)


def adapters() -> dict[str, type[AdapterConfig]]:
    """Every kind of adapter and its configuration class."""
    found = {kind: config_class(kind) for kind in adapter_kinds()}
    return {kind: config for kind, config in found.items() if issubclass(config, AdapterConfig)}


def plugins() -> dict[str, type[PluginConfig]]:
    """Every kind of plugin and its configuration class."""
    found = {kind: config_class(kind) for kind in plugin_kinds()}
    return {kind: config for kind, config in found.items() if issubclass(config, PluginConfig)}


AnyAdapter = Annotated[SerializeAsAny[AdapterConfig], BeforeValidator(_as_adapter)]
"""The configuration of an adapter of any kind, as a field of a model."""
AnyPlugin = Annotated[SerializeAsAny[PluginConfig], BeforeValidator(_as_plugin)]
"""The configuration of a plugin of any kind, as a field of a model."""


def build_adapter(
    config: AdapterConfig, backbone: "Backbone", classes: "Sequence[Candidate]", *, seed: int
) -> "Adapter":
    """The adapter that a strategy file describes, its random start decided by the seed alone.

    Raises:
        Mistake: it needs something that the backbone does not have.
    """
    with keyed(seed, "adapter"):
        return config.build(backbone, classes)


def build_plugin(config: PluginConfig, context: "PluginContext") -> "Plugin":
    """The plugin that a strategy file describes.

    Raises:
        Mistake: it needs something that the benchmark does not have.
    """
    return config.build(context)

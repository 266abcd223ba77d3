"""The registry: which methods there are. It is what lies in `methods/`; nothing is listed anywhere
else.

A method's configuration is imported when its kind is used, its code when it is built.
"""

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BeforeValidator, SerializeAsAny
from pydantic_core import PydanticCustomError

from clvl_bench.core.rng import keyed
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
    """The kinds of all adapters."""
    return shipped_kinds("adapter")


def plugin_kinds() -> tuple[str, ...]:
    """The kinds of all plugins."""
    return shipped_kinds("plugin")


@cache
def config_class(kind: str) -> type[MethodConfig]:
    """The configuration class of a kind.

    Raises:
        KeyError: there is no method of that kind.
    """
    if kind not in (*adapter_kinds(), *plugin_kinds()):
        raise KeyError(kind)
    module = import_module(f"clvl_bench.methods.{kind}.config")
    for value in vars(module).values():
        if (
            isinstance(value, type)
            and issubclass(value, MethodConfig)
            and value.model_fields["kind"].default == kind
        ):
            return value
    raise AssertionError(f"clvl_bench/methods/{kind}/config.py has no class whose kind is '{kind}'")


def _resolved(base: type[M], kinds: Sequence[str], value: Any) -> Any:
    """A table of a file as the configuration of its kind; what is a configuration already stays."""
    if isinstance(value, base):
        return value
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise PydanticCustomError("union_tag_not_found", "has no 'kind'")
    if value["kind"] not in kinds:
        allowed = ", ".join(f"'{kind}'" for kind in kinds)
        raise PydanticCustomError(
            "union_tag_invalid", "unknown kind", {"tag": value["kind"], "expected_tags": allowed}
        )
    return config_class(value["kind"]).model_validate(value)


def _as_adapter(value: Any) -> Any:
    return _resolved(AdapterConfig, adapter_kinds(), value)


def _as_plugin(value: Any) -> Any:
    return _resolved(PluginConfig, plugin_kinds(), value)


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

"""clvl_bench: continual adaptation of vision-language models, run, measured and compared on one
stream.

The names of `__all__` are the public face. Each is imported when it is first asked for, so that
`import clvl_bench` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from clvl_bench.core import compat

if TYPE_CHECKING:
    from clvl_bench.api import (
        Results,
        Strategy,
        audit,
        load_backbone,
        load_benchmark,
        load_results,
        run,
        run_grid,
    )
    from clvl_bench.methods._base.adapter import Adapter
    from clvl_bench.methods._base.config import AdapterConfig, MethodConfig, PluginConfig
    from clvl_bench.methods._base.plugin import Plugin

__version__ = "0.1.0"

__all__ = [
    "Adapter",
    "AdapterConfig",
    "MethodConfig",
    "Plugin",
    "PluginConfig",
    "Results",
    "Strategy",
    "audit",
    "load_backbone",
    "load_benchmark",
    "load_results",
    "run",
    "run_grid",
]

_HOME = {
    "Adapter": "clvl_bench.methods._base.adapter",
    "AdapterConfig": "clvl_bench.methods._base.config",
    "MethodConfig": "clvl_bench.methods._base.config",
    "Plugin": "clvl_bench.methods._base.plugin",
    "PluginConfig": "clvl_bench.methods._base.config",
}
"""Where a public name is defined, if not in `api`."""

# A CPU build of torch cannot import the package index's torchvision. The watcher mends that when
# torchvision is first looked for, by whomever; it has to stand here, before anybody imports
# Avalanche.
compat.prepare()


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'clvl_bench' has no attribute '{name}'")
    value = getattr(import_module(_HOME.get(name, "clvl_bench.api")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

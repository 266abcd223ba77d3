"""Listing: the trackers that there are. Each has a module here, and an extra and a package of its
own name.
"""

from collections.abc import Sequence
from importlib import import_module

from clvl_bench.core.errors import Missing, Mistake, unknown
from clvl_bench.core.packages import is_installed
from clvl_bench.exporters.base import Exporter

EXPORTERS = {
    "tensorboard": "TensorBoard",
    "trackio": "Trackio",
    "mlflow": "MLflow",
    "wandb": "WandB",
}
"""The class in each module."""


def refuse_unusable(names: Sequence[str]) -> None:
    """Look whether each tracker is known and installed, without importing it.

    Raises:
        Mistake: one is unknown.
        Missing: the package of one is not installed; says how to get it.
    """
    for name in names:
        if name not in EXPORTERS:
            raise Mistake(f"--log-to: {unknown('tracker', name, EXPORTERS)}")
        if not is_installed(name):
            raise Missing(
                f"--log-to {name}: the package {name} is not installed; "
                f"run: pip install 'clvl_bench[{name}]'"
            )


def make_exporter(name: str) -> Exporter:
    """The exporter of that name, not yet begun."""
    module = import_module(f"clvl_bench.exporters.{name}")
    made = getattr(module, EXPORTERS[name])()
    assert isinstance(made, Exporter)
    return made

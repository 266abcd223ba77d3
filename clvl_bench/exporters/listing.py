"""Listing: the trackers that there are. Each has a module here, and an extra and a package of its
own name.
"""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

from clvl_bench.core.errors import Missing, Mistake, unknown
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
        if not _is_installed(name):
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


def _is_installed(package: str) -> bool:
    """A folder of that name, such as a tracker leaves where it ran, is no package: it has no
    origin.
    """
    found = find_spec(package)
    return found is not None and found.origin is not None

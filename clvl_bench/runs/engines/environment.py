"""The environment that a grid takes with it to other machines."""

import os

VARIABLES = (
    "CLVL_HOME",
    "CLVL_DATASETS",
    "CLVL_STALE_SECONDS",
    "XDG_CACHE_HOME",
    "HF_HOME",
    "HF_HUB_CACHE",
    "PYTHONPATH",
)
"""What says where data, weights, features and this program are."""


def taken_along() -> dict[str, str]:
    """Those that are set here, as they are set."""
    return {name: os.environ[name] for name in VARIABLES if os.environ.get(name)}

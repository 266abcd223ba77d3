"""Packages: which of those that are not always there are installed."""

from importlib.util import find_spec


def is_installed(package: str) -> bool:
    """Looked for, not imported. A folder of that name, such as a tracker leaves where it ran, is no
    package: it has no origin.
    """
    found = find_spec(package)
    return found is not None and found.origin is not None

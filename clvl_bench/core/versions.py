"""Versions of installed packages, from their metadata. Nothing is imported."""

import platform
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Of Python and these packages."""
    return {"python": platform.python_version(), **{name: _version(name) for name in packages}}


@cache
def _version(package: str) -> str:
    """What was imported stays, so a process asks once: metadata is parsed like a letter."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"

"""Published tables: the numbers of others that come with the suite, found by name."""

from pathlib import Path

from clvl_bench.core.errors import Mistake, unknown
from clvl_bench.runs.toml_files import shipped

PUBLISHED = "results/published"
"""Where they lie; its README.md says where each was read."""
SUFFIXES = (".csv", ".json")


def table_names() -> list[str]:
    """All of them."""
    files = (shipped() / PUBLISHED).iterdir()
    return sorted(path.stem for path in files if path.suffix in SUFFIXES)


def table_file(name: str) -> Path:
    """The file of a published table.

    Raises:
        Mistake: there is none of that name.
    """
    for suffix in SUFFIXES:
        path = shipped() / PUBLISHED / f"{name}{suffix}"
        if path.is_file():
            return path
    raise Mistake(unknown("published table", name, table_names()))

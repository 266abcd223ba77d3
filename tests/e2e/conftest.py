"""Fixtures of the end-to-end tests: homes in which nothing is encoded yet."""

from collections.abc import Callable
from pathlib import Path

import pytest

from clvl_bench.config.files import load
from clvl_bench.streams import read_parts


@pytest.fixture
def new_home(_home: None, shared_home: Path, tmp_path: Path) -> Callable[[], Path]:
    """Makes homes in which the pictures of toy_landcover are painted, which takes seconds, and nothing is encoded."""
    read_parts(load("benchmark", "toy_landcover"))
    made: list[Path] = []

    def make() -> Path:
        home = tmp_path / f"home{len(made)}"
        home.mkdir()
        (home / "toy").symlink_to(shared_home / "toy")
        made.append(home)
        return home

    return make

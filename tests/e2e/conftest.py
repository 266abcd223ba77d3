"""Fixtures of the end-to-end tests: a benchmark of half a second, and homes in which nothing is
encoded yet.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from clvl_bench.runs.files import load
from clvl_bench.streams.reading import read_slices

SMALL = """version = 1
scenario = "class_incremental"
datasets = ["toy_landcover"]
classes_per_experience = [5, 5]
label_space = "seen"
zeroshot = ["toy_shapes"]
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A file with a small benchmark."""
    (tmp_path / "small.toml").write_text(SMALL)
    return tmp_path / "small.toml"


@pytest.fixture
def painted(_home: None) -> Callable[[str | Path], None]:
    """Paints the toy pictures of a benchmark, which takes seconds once a session, so that no test
    pays for it in between.
    """

    def paint(benchmark: str | Path) -> None:
        read_slices(load("benchmark", str(benchmark)))

    return paint


@pytest.fixture
def new_home(shared_home: Path, tmp_path: Path) -> Callable[[], Path]:
    """Makes homes that hold the pictures painted so far, and no features."""
    made: list[Path] = []

    def make() -> Path:
        home = tmp_path / f"home{len(made)}"
        home.mkdir()
        (shared_home / "toy").mkdir(parents=True, exist_ok=True)
        (home / "toy").symlink_to(shared_home / "toy")
        made.append(home)
        return home

    return make

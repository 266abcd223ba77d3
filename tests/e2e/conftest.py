"""Fixtures of the end-to-end tests: a benchmark of half a second, and homes in which nothing is
encoded yet.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import with_pictures_of
from victim import Victims, victims

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


@pytest.fixture(scope="session")
def process(shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victims]:
    """Starts commands and runs in processes of their own, without the seconds that imports take."""
    home = with_pictures_of(shared_home, tmp_path_factory.mktemp("process") / "home")
    with victims(home) as process:
        yield process


@pytest.fixture
def new_home(shared_home: Path, tmp_path: Path) -> Callable[[], Path]:
    """Makes homes that hold the pictures painted so far, and no features."""
    made: list[Path] = []

    def make() -> Path:
        made.append(with_pictures_of(shared_home, tmp_path / f"home{len(made)}"))
        return made[-1]

    return make

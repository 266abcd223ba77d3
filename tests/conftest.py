"""Fixtures shared by all tests: one thread, no network, a home of their own, small backbones
written in published layouts.
"""

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pytest

import clvl_bench  # noqa: F401 (before torchvision: see clvl_bench/torchvision_pair.py)

# What is imported and collected stays: the garbage collector need not look through it on the way.
gc.disable()

ROOT = Path(__file__).parent.parent
"""The checkout."""


def pytest_collection_finish() -> None:
    """Let garbage be collected again, but for what is here already."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for painted pictures and features, for all worker processes of a session."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "home"


@pytest.fixture(scope="session", autouse=True)
def _home(shared_home: Path) -> Iterator[None]:
    """Of a session, so that what a module sets up keeps nothing in the user's cache either."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLVL_HOME", str(shared_home))
        yield


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with nothing in it yet."""
    monkeypatch.setenv("CLVL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def with_pictures_of(shared_home: Path, home: Path) -> Path:
    """A home that holds the pictures painted so far, and no features."""
    home.mkdir()
    (shared_home / "toy").mkdir(parents=True, exist_ok=True)
    (home / "toy").symlink_to(shared_home / "toy")
    return home


@pytest.fixture
def unencoded_home(shared_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with painted pictures, and nothing else in it yet."""
    home = with_pictures_of(shared_home, tmp_path / "home")
    monkeypatch.setenv("CLVL_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data for testing (CLVL_TEST_DATA, or ../shared/data beside the
    checkout).
    """
    folder = Path(os.environ.get("CLVL_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data for testing at {folder}; set CLVL_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def tiny():  # type: ignore[no-untyped-def]
    """The embedded backbone."""
    from clvl_bench.backbones.loading import load_backbone

    return load_backbone("tiny")


@pytest.fixture(scope="session")
def random_clip(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a small random CLIP in transformers' published layout; keyword arguments go into its
    text configuration.
    """

    def write(**text: int) -> Path:
        from small_backbones import write_clip

        return write_clip(tmp_path_factory.mktemp("clip"), text=text)

    return write

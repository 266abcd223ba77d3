"""Fixtures of the contract tests that run strategies: data and backbone are read once a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_answerers import WRITERS

from clvl_bench.backbones.answerers.base import Answerer
from clvl_bench.backbones.answerers.loading import load_answerer
from clvl_bench.runs import setup


@pytest.fixture(scope="session")
def small_answerers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answerer]:
    """A small random one in the place of each that is declared."""
    folders = {name: tmp_path_factory.mktemp(name) for name in WRITERS}
    return {name: load_answerer(str(WRITERS[name](folder))) for name, folder in folders.items()}


@pytest.fixture(scope="module")
def shared_data(shared_home: Path, tiny, small_answerers) -> Iterator[None]:  # type: ignore[no-untyped-def]
    """Runs share samples, models and home, and do not wait for the disk: nothing of them outlives
    the machine.
    """
    read, kept = setup.read_slices, {}

    def read_once(config, *, limit):  # type: ignore[no-untyped-def]
        key = config.model_dump_json()
        if key not in kept:
            kept[key] = read(config, limit=limit)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLVL_HOME", str(shared_home))
        patch.setattr(setup, "read_slices", read_once)
        patch.setattr(setup, "backbone_for", lambda name, data, **settings: tiny)
        patch.setattr(setup, "load_answerer", lambda name, **settings: small_answerers[name])
        patch.setattr("os.fsync", lambda descriptor: None)
        yield

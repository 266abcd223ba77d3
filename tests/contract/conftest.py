"""Fixtures of the contract tests that run strategies: data and backbone are read once a process."""

from collections.abc import Callable
from typing import Any

import pytest
from small_answerers import WRITERS
from small_backbones import FAMILIES

from clvl_bench.audits.kept_sources import KeptSources
from clvl_bench.backbones.answerers.base import Answerer
from clvl_bench.backbones.answerers.loading import load_answerer
from clvl_bench.backbones.base import Backbone
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.runs.provenance import code


@pytest.fixture(scope="session")
def small_answerers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answerer]:
    """A small random one in the place of each that is declared."""
    folders = {name: tmp_path_factory.mktemp(name) for name in WRITERS}
    return {name: load_answerer(str(WRITERS[name](folder))) for name, folder in folders.items()}


@pytest.fixture(scope="session")
def sources(tiny: Backbone, small_answerers: dict[str, Answerer]) -> KeptSources:
    """Samples and models that all audited runs of a process share."""
    return KeptSources(tiny, answerers=small_answerers)


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Backbone]:
    """The small random backbone of a family, written and loaded once a process."""
    loaded: dict[str, Backbone] = {}

    def load(name: str) -> Backbone:
        if name not in loaded:
            folder = tmp_path_factory.mktemp("families") / name
            loaded[name] = load_backbone(str(FAMILIES[name](folder)))
        return loaded[name]

    return load


@pytest.fixture(scope="session")
def commit() -> dict[str, Any]:
    """The code's commit, asked of git once."""
    return code()


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch, commit: dict[str, Any]) -> None:
    """Runs do not wait for the disk, nothing of them outlives the machine; nor each for git."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    monkeypatch.setattr("clvl_bench.runs.provenance.code", lambda: dict(commit))

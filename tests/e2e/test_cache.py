"""A frozen image tower sees each image once, ever; and nobody can tell from the numbers whether it
had seen it before.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from clvl_bench.backbones.base import TowerBackbone
from clvl_bench.data.readers.split import pixel_hash
from clvl_bench.inputs import features
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.files import run_config
from clvl_bench.runs.runner import run
from clvl_bench.runs.setup import prepare

Config = Callable[[str], RunConfig]


@pytest.fixture
def config(small: Path, painted: Callable[[Path], None]) -> Config:
    """A short run of a strategy on the small benchmark."""
    painted(small)
    return lambda strategy: run_config(str(small), strategy, limit=60)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of images in each call of a frozen image tower."""
    made: list[int] = []
    frozen = TowerBackbone.image_features

    def counted(self, pixels):
        made.append(len(pixels))
        return frozen(self, pixels)

    monkeypatch.setattr(TowerBackbone, "image_features", counted)
    return made


def test_the_first_strategy_encodes_each_distinct_image_once_and_the_next_one_none(
    config, new_home, monkeypatch
):
    monkeypatch.setenv("CLVL_HOME", str(new_home()))
    first = prepare(config("zeroshot"))
    images = [
        pixel_hash(part.data.image(row)) for part in first.parts for row in range(len(part.data))
    ]
    assert len(set(images)) == len(images), "no picture stands twice in these data"
    assert first.backbone.images_encoded == len(images) == 60 + 60 + 60
    assert prepare(config("prompt_replay")).backbone.images_encoded == 0


def test_whole_runs_on_features_call_the_image_tower_as_seldom(
    config, new_home, tmp_path, monkeypatch, calls
):
    monkeypatch.setenv("CLVL_HOME", str(new_home()))
    run(config("prompt_replay"), results=tmp_path, progress=False)
    assert sum(calls) == 60 + 60 + 60
    calls.clear()
    run(config("prompt"), results=tmp_path, progress=False)
    assert calls == []


def accuracies(config: RunConfig, results: Path) -> dict[tuple[str, int, int], float]:
    records = run(config, results=results, progress=False).records
    return {(r.stream, r.trained, r.experience): r.value for r in records if r.metric == "accuracy"}


def test_with_and_without_cache_and_in_other_chunks_the_records_agree(
    config, new_home, tmp_path, monkeypatch, calls
):
    monkeypatch.setenv("CLVL_HOME", str(new_home()))
    without = accuracies(config("prompt_replay"), tmp_path / "without")
    assert calls
    calls.clear()
    cached = accuracies(config("prompt_replay"), tmp_path / "cached")
    assert not calls
    monkeypatch.setenv("CLVL_HOME", str(new_home()))
    monkeypatch.setattr(features, "CHUNK", 37)
    in_chunks = accuracies(config("prompt_replay"), tmp_path / "in chunks")
    assert max(calls) == 37
    assert cached == without
    assert in_chunks == pytest.approx(without, abs=1e-5)
    assert len(without) == (0 + 1 + 2) + 3 + 2, "test, held-out and validation"

"""Every strategy file learns one experience on every family of backbones, audited; or says in one line why it cannot."""

import pytest
import torch
from contract.audits import SMALL, moved_undeclared, read_elsewhere, scored_too_early, swayed_by_neighbours
from contract.listening import bits, listen
from contract.tables import STRATEGIES, small, written
from small_backbones import FAMILIES

from clvl_bench import prepare as preparation
from clvl_bench.backbones import load_backbone
from clvl_bench.config.files import run_config
from clvl_bench.errors import Mistake

ONE = ("benchmark.classes_per_experience=[10]", *SMALL)
"""One experience of all classes."""
REFUSED = {"closed_text": ("prompt", "kgcoop", "lora"), "mobileclip": ("lora",), "open_clip_vit": ("lora",)}
"""Adapters that a family has no ground for: no embeddings of no words, no query and value projections of their own."""
QUICK = ("clip", "siglip")
PAIRS = [
    pytest.param(family, path, id=f"{path.stem}-{family}", marks=[] if family in QUICK else [pytest.mark.slow])
    for family in FAMILIES
    for path in STRATEGIES
]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    kept = {}

    def load(family):
        if family not in kept:
            kept[family] = load_backbone(str(FAMILIES[family](tmp_path_factory.mktemp("families") / family)))
        return kept[family]

    return load


@pytest.fixture
def on_family(loaded, shared_data, monkeypatch):
    def use(family):
        backbone = loaded(family)
        monkeypatch.setattr(preparation, "backbone_for", lambda name, data, **settings: backbone)
        return backbone

    return use


@pytest.mark.parametrize(("family", "path"), PAIRS)
def test_one_experience_under_the_audits(family, path, on_family, tmp_path):
    backbone = on_family(family)
    before = bits(backbone.towers)
    (adapter,) = written(path, "adapter")
    sizes = [f"adapter.{name}={size}" for name, size in small(adapter).items()]
    config = run_config("toy_landcover", str(path), limit=20, overrides=(*ONE, *sizes))
    if adapter["kind"] in REFUSED.get(family, ()):
        with pytest.raises(Mistake) as refused:
            listen(config, tmp_path)
        assert len(str(refused.value).splitlines()) == 1
        assert backbone.name in str(refused.value)
        return
    heard = listen(config, tmp_path)
    assert heard.result is not None
    assert all(torch.isfinite(scores).any() for scores in heard.evaluated.values())
    for audit in (scored_too_early, moved_undeclared, read_elsewhere, swayed_by_neighbours):
        assert audit(heard) == [], audit.__name__
    assert bits(backbone.towers) == before

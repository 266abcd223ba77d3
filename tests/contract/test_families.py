"""Every strategy learns one experience on every family of backbones, audited; or says in one line
why it cannot.
"""

import pytest
import torch
from contract.audits import (
    SMALL,
    moved_undeclared,
    read_elsewhere,
    scored_too_early,
    swayed_by_neighbours,
)
from contract.listening import bits, listen
from contract.tables import small, written
from contract.test_audits import WHOLE
from small_backbones import FAMILIES

from clvl_bench.backbones.base import TowerBackbone
from clvl_bench.backbones.layers import LayeredTowers
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.core.errors import Mistake
from clvl_bench.inputs.kinds import QUESTION_INPUTS
from clvl_bench.methods.registry import adapters
from clvl_bench.runs import setup
from clvl_bench.runs.files import run_config

ONE = ("benchmark.classes_per_experience=[10]", *SMALL)
"""One experience of all classes."""
INSIDE = {
    "word_embeddings": lambda towers: towers.reads_embeddings,
    "image_attention": lambda towers: "image" in towers.query_and_value,
    "text_attention": lambda towers: "text" in towers.query_and_value,
    "layers": lambda towers: isinstance(towers, LayeredTowers),
}
"""Whether towers have what an adapter may declare to need of them."""
BY_KIND = {written(path, "adapter")[0]["kind"]: path for path in reversed(WHOLE)}
"""A strategy of every adapter: those are always run on one family, all the others with `make
test-all`."""
PAIRS = [
    pytest.param(
        family, path, id=f"{path.stem}-{family}",
        marks=[] if family == "siglip" and path in BY_KIND.values() else [pytest.mark.slow],
    )
    for family in FAMILIES
    for path in WHOLE
]  # fmt: skip


def refuses(adapter: dict, backbone: TowerBackbone) -> bool:
    """Whether the backbone declares that it has no ground for such an adapter."""
    towers = backbone.towers
    needed = adapters()[adapter["kind"]].needs_of_towers
    inherits_layers = adapter.get("tower") == "inherited"  # layers of transformers' own
    return not all(INSIDE[part](towers) for part in needed) or (
        inherits_layers and not hasattr(towers, "vision_model")
    )


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    kept = {}

    def load(family):
        if family not in kept:
            kept[family] = load_backbone(
                str(FAMILIES[family](tmp_path_factory.mktemp("families") / family))
            )
        return kept[family]

    return load


@pytest.fixture
def on_family(loaded, shared_data, monkeypatch):
    def use(family):
        backbone = loaded(family)
        monkeypatch.setattr(setup, "backbone_for", lambda name, data, **settings: backbone)
        return backbone

    return use


@pytest.mark.parametrize(("family", "path"), PAIRS)
def test_one_experience_under_the_audits(family, path, on_family, tmp_path):
    backbone = on_family(family)
    before = bits(backbone.towers)
    (adapter,) = written(path, "adapter")
    sizes = [f"adapter.{name}={size}" for name, size in small(adapter).items()]
    if (
        adapter["kind"] == "attriclip"
    ):  # three contexts stand before a name: some of these towers read 24 tokens
        sizes.append("adapter.context_length=1")
    sizes += ["train.iterations=3" for train in written(path, "train") if "iterations" in train]
    answers = adapters()[adapter["kind"]].input_kind in QUESTION_INPUTS
    benchmark, stream = ("toy_scans_vqa", SMALL) if answers else ("toy_landcover", ONE)
    # Questions come by type: of fewer, a type may have a single answer, from which nothing is
    # learned.
    config = run_config(
        benchmark, str(path), limit=120 if answers else 20, overrides=(*stream, *sizes)
    )
    if refuses(adapter, backbone):
        with pytest.raises(Mistake) as refused:
            listen(config, tmp_path)
        assert len(str(refused.value).splitlines()) == 1
        assert backbone.name in str(refused.value)
        return
    heard = listen(config, tmp_path)
    assert heard.result is not None
    assert not any(torch.isnan(scores).any() for scores in heard.evaluated.values())
    assert heard.strategy.adapter.abstains or all(
        torch.isfinite(scores).any() for scores in heard.evaluated.values()
    )
    for audit in (scored_too_early, moved_undeclared, read_elsewhere, swayed_by_neighbours):
        assert audit(heard) == [], audit.__name__
    assert bits(backbone.towers) == before

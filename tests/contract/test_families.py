"""Every strategy learns one experience on small backbones of the families in turn, audited; or says
in one line why it cannot.
"""

import pytest
from contract.audited import Audited, family_runs
from contract.tables import written

from clvl_bench.audits.listening import listen
from clvl_bench.audits.verdict import ONE_EXPERIENCE, verdict
from clvl_bench.backbones.base import TowerBackbone
from clvl_bench.backbones.layers import LayeredTowers
from clvl_bench.core.errors import Mistake
from clvl_bench.methods.registry import adapters

INSIDE = {
    "word_embeddings": lambda towers: towers.reads_embeddings,
    "image_attention": lambda towers: "image" in towers.query_and_value,
    "text_attention": lambda towers: "text" in towers.query_and_value,
    "layers": lambda towers: isinstance(towers, LayeredTowers),
}
"""Whether towers have what an adapter may declare to need of them."""


def always(run: Audited) -> bool:
    """Whether `make test` has it too: one family is always run."""
    return run.family == "siglip"


RUNS = [
    pytest.param(run, id=str(run), marks=[] if always(run) else [pytest.mark.slow])
    for run in family_runs()
]


def refuses(adapter: dict, backbone: TowerBackbone) -> bool:
    """Whether the backbone declares that it has no ground for such an adapter."""
    towers = backbone.towers
    needed = adapters()[adapter["kind"]].needs_of_towers
    inherits_layers = adapter.get("tower") == "inherited"  # layers of transformers' own
    return not all(INSIDE[part](towers) for part in needed) or (
        inherits_layers and not hasattr(towers, "vision_model")
    )


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.usefixtures("no_waiting")
def test_the_audits_find_nothing_or_it_says_why_it_cannot(run, sources, family, tmp_path):
    backbone = family(run.family)
    (adapter,) = written(run.strategy, "adapter")
    if refuses(adapter, backbone):
        with pytest.raises(Mistake) as refused:
            listen(run.config, tmp_path, sources=sources.on(backbone))
        assert len(str(refused.value).splitlines()) == 1
        assert backbone.name in str(refused.value)
        return
    heard = listen(run.config, tmp_path, sources=sources.on(backbone))
    found = verdict(heard, ONE_EXPERIENCE)
    assert not found, f"\n{found}"

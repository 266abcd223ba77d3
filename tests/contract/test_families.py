"""Every strategy learns one experience on small backbones of the families in turn, audited; or says
in one line why it cannot.
"""

import pytest
from contract.audited import Audited, family_runs
from contract.listening import listen
from contract.tables import written
from contract.verdict import ONE_EXPERIENCE, verdict

from clvl_bench.backbones.base import TowerBackbone
from clvl_bench.backbones.layers import LayeredTowers
from clvl_bench.core.errors import Mistake

WORDS = {"prompt", "kgcoop", "cocoop", "attriclip", "prompt_per_experience", "answer_prompt"}
LOW_RANK = {"lora", "lora_per_experience", "lora_merged", "olora"}
LAYERS = {"maple", "sprompts", "l2p", "dualprompt", "coda_prompt", "moe_adapters"}
"""Adapters that need embeddings of no words, query and value projections of their own, or a way in
between layers."""


def always(run: Audited) -> bool:
    """Whether `make test` has it too: one family is always run."""
    return run.family == "siglip"


RUNS = [
    pytest.param(run, id=str(run), marks=[] if always(run) else [pytest.mark.slow])
    for run in family_runs()
]


def refuses(adapter: dict, backbone: TowerBackbone) -> bool:
    """Whether the backbone declares that it has no ground for such an adapter."""
    kind, towers = adapter["kind"], backbone.towers
    return (
        (kind in WORDS and not towers.reads_embeddings)
        or (kind in LOW_RANK and not {"image", "text"} <= set(towers.query_and_value))
        or (kind == "answer_lora" and "text" not in towers.query_and_value)
        or (kind in LAYERS and not isinstance(towers, LayeredTowers))
        or (
            adapter.get("tower") == "inherited" and not hasattr(towers, "vision_model")
        )  # layers of transformers' own
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

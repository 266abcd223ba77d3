"""Limit cases of prompts inside the image tower: MaPLe, S-Prompts, L2P, DualPrompt, CODA-Prompt
(small random CLIP).
"""

import pytest
import torch
from helpers.learning import ALL, FIRST, SECOND, TABLE, learn, logits
from scipy.stats import kstest

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.core.errors import RunFailed
from clvl_bench.methods.coda_prompt.adapter import orthonormal
from clvl_bench.methods.coda_prompt.config import CodaPromptConfig
from clvl_bench.methods.dualprompt.config import DualPromptConfig
from clvl_bench.methods.l2p.config import L2PConfig
from clvl_bench.methods.maple.adapter import DeepPrompts
from clvl_bench.methods.maple.config import MapleConfig
from clvl_bench.methods.prompt.config import PromptConfig
from clvl_bench.methods.registry import build_adapter
from clvl_bench.methods.sprompts.config import SPromptsConfig


def build(config, backbone):
    return build_adapter(config, backbone, TABLE, seed=0).eval()


def zeroshot(backbone, pixels, templates=None):
    texts = backbone.class_features(TABLE, templates=templates)
    return backbone.logit_scale * l2_normalize(backbone.image_features(pixels)) @ texts.T


def test_maple_of_depth_one_on_texts_alone_is_coop(backbone, pixels):
    maple = build(
        MapleConfig(depth=1, coupled=False, context_init="random", context_length=4), backbone
    )
    coop = build(PromptConfig(context_init="random", context_length=4), backbone)
    with torch.no_grad():
        coop.context.copy_(maple.context)
    expected = logits(coop, backbone.image_features(pixels))
    assert torch.allclose(logits(maple, pixels), expected, atol=1e-5)


def test_maple_learns_the_first_words_of_the_template_and_keeps_the_others(backbone, pixels):
    """Depth 1, texts alone: the sentence is whole, so that the start is zero-shot with it."""
    maple = build(MapleConfig(depth=1, coupled=False), backbone)
    assert maple.context.shape[0] == 2
    assert maple.starts_as_zeroshot
    assert torch.allclose(logits(maple, pixels), zeroshot(backbone, pixels, templates=1), atol=1e-4)


def test_maple_has_a_prompt_for_each_layer_that_there_is(backbone):
    maple = build(MapleConfig(depth=9), backbone)
    assert (len(maple.deep) + 1, len(maple.couplings)) == (2, 2)
    assert maple.couplings[0].weight.shape == (48, 32)


def test_deep_prompts_are_written_over_their_own_places_in_later_layers_alone():
    hidden, prompts = torch.randn(2, 7, 4), torch.randn(2, 3, 4)
    text, image = DeepPrompts(prompts, at=1), DeepPrompts(prompts, at=None)
    assert torch.equal(text.before(0, hidden), hidden)
    assert torch.equal(text.before(2, hidden), hidden)
    assert torch.equal(text.before(1, hidden)[:, 1:4], prompts[1].expand(2, -1, -1))
    assert torch.equal(text.before(1, hidden)[:, [0, 4, 5, 6]], hidden[:, [0, 4, 5, 6]])
    assert torch.equal(image.before(1, hidden)[:, 4:], prompts[1].expand(2, -1, -1))
    own = DeepPrompts(torch.stack([hidden[0, 1:4]] * 2), at=1)
    assert torch.equal(own.before(1, hidden[:1]), hidden[:1])


def test_sprompts_without_image_tokens_and_with_the_templates_words_are_zero_shot(backbone, pixels):
    adapter = build(SPromptsConfig(image_length=0, context_init="template"), backbone)
    adapter.begin(ALL)
    adapter.selector.observe(backbone.image_features(pixels), torch.zeros(len(pixels)))
    adapter.end()
    assert torch.allclose(
        logits(adapter, pixels), zeroshot(backbone, pixels, templates=1), atol=1e-4
    )


def test_one_domain_is_scored_as_it_trained(backbone, pixels):
    adapter = build(SPromptsConfig(), backbone)
    learn(adapter, pixels, ALL)
    with torch.no_grad():
        assert torch.allclose(
            logits(adapter, pixels), adapter.train().logits(pixels, ALL), atol=1e-5
        )


@pytest.mark.parametrize(
    "config",
    [L2PConfig(length=0), DualPromptConfig(general_length=0, expert_length=0)],
    ids=["l2p", "dualprompt"],
)
def test_prefixes_of_length_zero_are_the_frozen_model(backbone, pixels, config):
    assert torch.allclose(
        logits(build(config, backbone), pixels), zeroshot(backbone, pixels), atol=1e-5
    )


def test_keys_that_equal_the_queries_cost_nothing(backbone, pixels):
    queries = l2_normalize(backbone.image_features(pixels))
    l2p = build(L2PConfig(pool_size=2, selected=1), backbone)
    dual = build(DualPromptConfig(), backbone)
    with torch.no_grad():
        l2p.keys.copy_(3 * queries[:1].expand(2, -1))
        dual.keys[0].copy_(3 * queries[0])
    for adapter in (l2p, dual):
        assert adapter.penalty(pixels[:1]).item() == pytest.approx(0.0, abs=1e-6)
        assert adapter.penalty(pixels).item() > 1e-4


@pytest.mark.parametrize(("init", "low", "high"), [("uniform", 0, 1), ("symmetric", -1, 1)])
def test_l2p_starts_uniformly_as_one_of_the_released_codes(backbone, init, low, high):
    l2p = build(L2PConfig(init=init), backbone)
    for drawn in (l2p.prompts, l2p.keys):
        values = drawn.detach().flatten().numpy()
        assert kstest(values, "uniform", args=(low, high - low)).pvalue > 0.01


def test_l2p_takes_the_nearest_keys_whatever_the_length_of_a_query(backbone):
    l2p = build(L2PConfig(pool_size=6, selected=2), backbone)
    queries = torch.randn(5, backbone.width, generator=torch.Generator().manual_seed(0))
    cosines = torch.nn.functional.cosine_similarity(queries[:, None], l2p.keys[None], dim=-1)
    expected = cosines.argsort(dim=1, descending=True)[:, :2]
    for scale in (0.1, 1, 10):
        assert torch.equal(l2p.nearest(scale * queries)[1], expected)


def test_l2p_puts_the_keys_of_all_selected_prompts_before_their_values(backbone):
    l2p = build(L2PConfig(pool_size=3, selected=3, length=2), backbone)
    places = l2p.nearest(torch.ones(1, backbone.width))[1][0].tolist()
    found = l2p.prefixes(torch.ones(1, backbone.width))[0][0]
    assert torch.equal(
        found, torch.stack([l2p.prompts[0, place, half] for half in (0, 1) for place in places])
    )


def test_a_key_loss_is_of_a_samples_own_keys(backbone, pixels):
    """The released code sums over all pairs of the batch."""
    l2p = build(L2PConfig(), backbone)
    alone = torch.stack([l2p.penalty(pixels[row : row + 1]) for row in range(len(pixels))])
    assert l2p.penalty(pixels).item() == pytest.approx(alone.mean().item(), rel=1e-5)


def test_dualprompt_finds_by_its_key_the_expert_it_trained(backbone, pixels):
    """Keys at the queries of two samples: each is scored as it trained under its own expert."""
    dual = build(DualPromptConfig(), backbone)
    pair, trained = pixels[:2], []
    queries = l2_normalize(backbone.image_features(pair))
    for row, classes in enumerate((FIRST, SECOND)):
        dual.begin(classes)
        with torch.no_grad():
            dual.keys[row].copy_(queries[row])
            trained.append(dual.train().logits(pair[row : row + 1], ALL))
    assert dual.eval().choices(pair).tolist() == [0, 1]
    assert torch.allclose(logits(dual, pair), torch.cat(trained), atol=1e-5)


def test_dualprompt_keeps_a_layer_for_the_expert(backbone):
    dual = build(DualPromptConfig(), backbone)
    assert list(dual.prefixes(torch.ones(1, backbone.width))) == [0, 1]
    assert (len(dual.general), list(dual._expert_layers)) == (1, [1])


def test_the_general_prompt_moves_in_every_experience_and_an_old_expert_never(backbone, pixels):
    dual = build(DualPromptConfig(), backbone)
    learn(dual, pixels, FIRST)
    general, expert, key = (
        part.detach().clone() for part in (dual.general, dual.experts[0], dual.keys[0])
    )
    learn(dual, pixels, SECOND, key="second")
    assert torch.equal(dual.experts[0], expert)
    assert torch.equal(dual.keys[0], key)
    assert not torch.equal(dual.general, general)


def test_coda_components_start_orthonormal_and_stay_so_to_those_that_were_trained(backbone, pixels):
    coda = build(CodaPromptConfig(components=5), backbone)
    learn(coda, pixels, FIRST)
    coda.begin(SECOND)
    for old, new in (coda.keys, coda.attention, coda.components):
        for before, rows in zip(old.detach(), new.detach(), strict=True):
            assert torch.allclose(rows @ rows.T, torch.eye(5), atol=1e-5)
            assert torch.allclose(rows @ before.T, torch.zeros(5, 5), atol=1e-5)


def test_at_an_orthonormal_start_the_orthogonality_loss_is_zero(backbone, pixels):
    assert build(CodaPromptConfig(components=5), backbone).penalty(pixels).item() == pytest.approx(
        0.0, abs=1e-8
    )
    assert (
        build(CodaPromptConfig(components=5, init="uniform"), backbone).penalty(pixels).item() > 1
    )


def test_old_coda_components_get_no_gradient_and_still_take_part(backbone, pixels):
    coda = build(CodaPromptConfig(components=5), backbone)
    learn(coda, pixels, FIRST)
    coda.begin(SECOND)
    coda.zero_grad()
    coda.train().logits(pixels, ALL)[:, 0].sum().backward()
    for old, new in (coda.components, coda.keys, coda.attention):
        assert old.grad is None
        assert new.grad.abs().sum() > 0
    before = logits(coda, pixels)
    with torch.no_grad():
        coda.components[0].zero_()
    assert not torch.allclose(logits(coda, pixels), before, atol=1e-4)


def test_the_order_of_coda_components_does_not_matter(backbone):
    coda = build(CodaPromptConfig(components=5), backbone)
    queries = l2_normalize(
        torch.randn(3, backbone.width, generator=torch.Generator().manual_seed(0))
    )
    before = coda.prefixes(queries)
    with torch.no_grad():
        for parts in (coda.components, coda.keys, coda.attention):
            parts[0].copy_(parts[0][:, [3, 1, 4, 0, 2]])
    for layer, prompts in coda.prefixes(queries).items():
        assert torch.allclose(prompts, before[layer], atol=1e-6)


def test_more_orthogonal_components_than_directions_end_the_run_in_one_line():
    with pytest.raises(
        RunFailed, match=r"got 4 components .* and 6 from before, but only 8 directions"
    ):
        orthonormal(torch.randn(6, 8), 4, 8)

"""AttriCLIP's limit cases (Wang et al. 2023) on a small random CLIP."""

import pytest
import torch
from pydantic import ValidationError

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods.attriclip.config import AttriClipConfig
from clvl_bench.methods.prompt.config import PromptConfig
from clvl_bench.methods.registry import build_adapter

TABLE = tuple(
    Candidate(name, "d", ("a photo of a {}.",)) for name in ("forest", "wheat field", "lake", "x")
)
ALL = tuple(range(len(TABLE)))


@pytest.fixture
def features(backbone):
    return 3 * torch.randn(6, backbone.width, generator=torch.Generator().manual_seed(0))


def build(backbone, **settings):
    return build_adapter(AttriClipConfig(**settings), backbone, TABLE, seed=0)


def coop(backbone, context):
    """CoOp with that context."""
    settings = PromptConfig(context_init="random", context_length=len(context))
    prompt = build_adapter(settings, backbone, TABLE, seed=0)
    with torch.no_grad():
        prompt.context.copy_(context)
    return prompt


@torch.no_grad()
def test_a_bank_of_one_prompt_is_coop(backbone, features):
    attriclip = build(backbone, bank_size=1, chosen=1)
    expected = coop(backbone, attriclip.prompts[0]).logits(features, ALL)
    assert torch.allclose(attriclip.logits(features, ALL), expected, atol=1e-4)


@torch.no_grad()
def test_an_image_has_the_prompts_of_the_keys_with_the_largest_products_the_largest_first(
    backbone, features
):
    attriclip = build(backbone, bank_size=5, chosen=2, context_length=3)
    attriclip.keys.mul_(torch.tensor([1.0, 9.0, 1.0, 5.0, 1.0])[:, None])  # products, not cosines
    for image, row in zip(l2_normalize(features), attriclip.logits(features, ALL), strict=True):
        first, second = sorted(range(5), key=lambda key: -float(attriclip.keys[key] @ image))[:2]
        context = torch.cat([attriclip.prompts[first], attriclip.prompts[second]])
        assert torch.allclose(row, coop(backbone, context).logits(image[None], ALL)[0], atol=1e-4)


def test_images_that_choose_alike_share_their_sentences(backbone, features, monkeypatch):
    attriclip, encoded, after = build(backbone, chosen=1), [], backbone.towers.text_after

    def overheard(beginnings, rests, ends):
        encoded.append(len(beginnings) * len(rests))
        return after(beginnings, rests, ends)

    monkeypatch.setattr(backbone.towers, "text_after", overheard)
    with torch.no_grad():
        attriclip.logits(features, ALL)
    choices = {tuple(row) for row in attriclip.choose(l2_normalize(features)).tolist()}
    assert len(choices) < len(features)
    assert sum(encoded) == len(choices) * len(ALL)


@torch.no_grad()
def test_the_key_loss_is_zero_at_the_image_and_one_across(backbone, features):
    attriclip = build(backbone, bank_size=2, chosen=1, key_weight=0.7, diversity_weight=0.0)
    one = features[:1]
    attriclip.keys.copy_(torch.stack([one[0], -one[0]]))
    assert attriclip.penalty(one).item() == pytest.approx(0.0, abs=1e-6)
    across = torch.zeros_like(one[0])
    across[:2] = torch.stack([-one[0, 1], one[0, 0]])  # at a right angle
    attriclip.keys.copy_(torch.stack([across, -one[0]]))
    assert attriclip.penalty(one).item() == pytest.approx(0.7, abs=1e-6)


@torch.no_grad()
def test_equal_prompts_pay_the_whole_diversity_loss(backbone, features):
    attriclip = build(backbone, key_weight=0.0, diversity_weight=0.3)
    apart = attriclip.penalty(features).item()
    attriclip.prompts.copy_(attriclip.prompts[:1].expand_as(attriclip.prompts))
    assert attriclip.penalty(features).item() == pytest.approx(0.3, abs=1e-6)
    assert 0 <= apart < 0.3


@torch.no_grad()
def test_prompts_that_say_the_opposite_pay_as_those_that_say_the_same(
    backbone, features, monkeypatch
):
    attriclip = build(backbone, bank_size=3, chosen=1, key_weight=0.0, diversity_weight=1.0)
    said = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    monkeypatch.setattr(attriclip._nameless, "features", lambda candidates, prompts: said)
    assert attriclip.penalty(features).item() == pytest.approx(2 / 6)


def test_the_diversity_loss_is_of_the_prompts_alone_with_a_full_stop(backbone, features):
    attriclip = build(
        backbone, bank_size=2, chosen=1, context_length=1, key_weight=0.0, diversity_weight=1.0
    )
    with torch.no_grad():
        words = [backbone.towers.embed(backbone.tokenize([word]).ids)[0, 1] for word in ("x", "w")]
        attriclip.prompts.copy_(torch.stack(words)[:, None])
        one, other = l2_normalize(backbone.text_features(["x .", "w ."]))
    assert attriclip.penalty(features).item() == pytest.approx(abs(float(one @ other)), abs=1e-5)


def test_keys_learn_by_the_penalty_and_only_those_that_were_chosen(backbone, features):
    attriclip = build(backbone)
    (attriclip.logits(features, ALL).sum() + attriclip.penalty(features)).backward()
    chosen = set(attriclip.choose(l2_normalize(features)).flatten().tolist())
    moved = {key for key, gradient in enumerate(attriclip.keys.grad) if gradient.abs().sum() > 0}
    assert moved == chosen
    assert all(weight.grad is None for weight in backbone.towers.parameters())


def test_more_than_the_bank_holds_cannot_be_chosen():
    with pytest.raises(ValidationError, match="got 4 of a bank of 3"):
        AttriClipConfig(bank_size=3, chosen=4)

"""PromptSRC: limit cases of what holds its prompts, and of their mean over epochs."""

from types import SimpleNamespace

import pytest
import torch
from helpers.learning import ALL, FIRST, TABLE, logits, zeroshot
from torch.nn.functional import kl_div

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods.gaussian_average.config import GaussianAverageConfig
from clvl_bench.methods.gaussian_average.plugin import epoch_shares
from clvl_bench.methods.maple.config import MapleConfig
from clvl_bench.methods.promptsrc.adapter import held_near
from clvl_bench.methods.promptsrc.config import PromptSrcConfig
from clvl_bench.methods.registry import build_adapter, build_plugin


def build(backbone, **settings):
    return build_adapter(PromptSrcConfig(**settings), backbone, TABLE, seed=0).eval()


def units(*shape, seed=0):
    return l2_normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)))


def test_its_texts_are_those_of_maple_without_couplings(backbone):
    ours = build(backbone, depth=3, context_length=2)
    maple = build_adapter(MapleConfig(depth=3, coupled=False), backbone, TABLE, seed=0).eval()
    with torch.no_grad():
        maple.deep.copy_(ours.deep)
        assert torch.equal(ours.classifier(ALL), maple.classifier(ALL))


def test_at_depth_one_with_the_templates_words_its_texts_are_the_first_templates(backbone):
    ours = build(backbone, depth=1, context_length=2)
    with torch.no_grad():
        texts = ours.classifier(ALL)
    assert torch.allclose(texts, backbone.class_features(TABLE, templates=1), atol=1e-5)


def test_without_tokens_in_the_image_tower_the_start_would_be_zero_shot(backbone, pixels):
    ours = build(backbone, depth=1, context_length=2)
    assert not torch.allclose(
        logits(ours, pixels), zeroshot(backbone, "pixels", pixels, templates=1), atol=1e-3
    )
    ours.image = backbone.image_features
    assert torch.allclose(
        logits(ours, pixels), zeroshot(backbone, "pixels", pixels, templates=1), atol=1e-4
    )


def test_who_did_not_move_is_held_by_nothing_and_who_did_by_torchs_divergence():
    images, texts = units(5, 8, seed=1), units(3, 8, seed=2)
    assert [float(part) for part in held_near(images, texts, images, texts, 10.0)] == [0, 0, 0]
    images_before, texts_before = units(5, 8, seed=3), units(3, 8, seed=4)
    text, image, divergence = held_near(images, texts, images_before, texts_before, 10.0)
    now = (10 * images @ texts.T).log_softmax(dim=1)
    before = (10 * images_before @ texts_before.T).log_softmax(dim=1)
    expected = kl_div(now, before, reduction="sum", log_target=True) / now.numel()
    assert float(divergence) == pytest.approx(float(expected), rel=1e-5)
    assert float(text) == pytest.approx(float((texts - texts_before).abs().mean()))
    assert float(image) == pytest.approx(float((images - images_before).abs().mean()))


def test_the_penalty_is_of_the_classes_that_training_compares_and_weighed(backbone, pixels):
    parts = {}
    for weights in ((2.0, 0.0, 0.0), (0.0, 3.0, 0.0), (0.0, 0.0, 5.0), (2.0, 3.0, 5.0)):
        text, image, logit = weights
        ours = build(backbone, text_weight=text, image_weight=image, logit_weight=logit).train()
        ours.scored = FIRST
        ours(pixels)
        parts[weights] = float(ours.penalty(pixels).detach())
    *alone, together = parts.values()
    assert all(part > 0 for part in alone)
    assert together == pytest.approx(sum(alone), rel=1e-5)


def test_shares_of_epochs_are_a_gaussian_and_one_together():
    shares = epoch_shares(20, 15.0, 1.0)
    assert sum(shares) == pytest.approx(1.0)
    assert shares.index(max(shares)) == 14
    assert shares[13] == pytest.approx(shares[15])
    assert shares[14] / shares[13] == pytest.approx(torch.tensor(0.5).exp().item())
    assert epoch_shares(3, 15.0, 1e6) == pytest.approx([1 / 3] * 3)
    # Three epochs, and the peak far behind them: the last one counts, and nothing is no number.
    assert epoch_shares(3, 1e3, 1.0) == pytest.approx([0.0, 0.0, 1.0])


def test_what_is_served_is_the_mean_of_the_ends_of_epochs_and_each_experience_has_its_own(backbone):
    ours = build(backbone)
    plugin = build_plugin(GaussianAverageConfig(mean=2.0), PluginContext(ours))
    strategy = SimpleNamespace(train_epochs=3)
    shares = epoch_shares(3, 2.0, 1.0)
    for level in (0.0, 7.0):
        plugin.before_training_exp(strategy)
        for epoch in range(3):
            with torch.no_grad():
                ours.context.fill_(level + epoch)
            plugin.after_training_epoch(strategy)
        plugin.after_training_exp(strategy)
        expected = level + shares[1] + 2 * shares[2]
        assert torch.allclose(ours.context, torch.full_like(ours.context, expected), atol=1e-5)

"""DIKI: limit cases of its attention aside, its Gaussians and its routing."""

import pytest
import torch
from helpers.learning import ALL, FIRST, SECOND, TABLE, learn, logits, pictures, zeroshot
from torch.distributions import MultivariateNormal
from torch.nn.functional import multi_head_attention_forward

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.backbones.layers import Aside, Insert, _attend_aside
from clvl_bench.methods._base.selector import NOBODY
from clvl_bench.methods.diki.config import DikiConfig
from clvl_bench.methods.diki.gaussians import Gaussians
from clvl_bench.methods.registry import build_adapter

WIDTH = 4


def build(backbone, **settings):
    return build_adapter(DikiConfig(length=2, **settings), backbone, TABLE, seed=0).eval()


def samples(number, count=30):
    """Around an axis of their own."""
    noise = torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(number))
    return l2_normalize(torch.eye(WIDTH)[number] + 0.2 * noise)


def fitted(*, together=False, ridge=1e-7):
    gaussians = Gaussians(WIDTH, ridge, together=together)
    for experience in range(2):
        for rows in samples(experience).split(7):
            gaussians.observe(3 * rows, torch.full((len(rows),), -1))
        gaussians.close(experience)
    return gaussians


def test_the_attention_aside_is_torchs_over_its_own_keys_and_values(backbone):
    attention = backbone.towers.vision_model.encoder.layers[0].self_attn
    width = attention.q_proj.in_features
    hidden, keys, values = (torch.randn(2, length, width) for length in (5, 3, 3))
    identity = torch.eye(width)
    zeros = torch.zeros(2 * width)
    expected, _ = multi_head_attention_forward(
        hidden.transpose(0, 1),
        keys.transpose(0, 1),
        values.transpose(0, 1),
        width,
        attention.num_heads,
        None,
        torch.cat([attention.q_proj.bias, zeros]),
        None,
        None,
        False,
        0.0,
        attention.out_proj.weight,
        None,
        use_separate_proj_weight=True,
        q_proj_weight=attention.q_proj.weight,
        k_proj_weight=identity,
        v_proj_weight=identity,
    )
    with torch.no_grad():
        found = _attend_aside(attention, hidden, Aside(keys, values, torch.tensor([1.0, 0.5])))
    assert torch.allclose(found[0], expected[:, 0], atol=1e-5)
    assert torch.allclose(found[1], 0.5 * expected[:, 1], atol=1e-5)


def test_an_attention_aside_of_values_zero_or_of_no_share_is_no_insert(backbone, pixels):
    class Beside(Insert):
        def __init__(self, values, share):
            self.there = Aside(torch.randn_like(values), values, torch.tensor([share]))

        def aside(self, layer):
            return self.there

    towers = backbone.towers
    values = torch.randn(1, 3, towers.image_width)
    with torch.no_grad():
        untouched = towers.image(pixels)
        for insert in (Beside(0 * values, 1.0), Beside(values, 0.0)):
            assert torch.allclose(towers.image_through(pixels, insert), untouched, atol=1e-5)
        moved = towers.image_through(pixels, Beside(values, 1.0))
    assert not torch.allclose(moved, untouched, atol=1e-2)


def test_densities_are_torchs_and_shares_the_sigmoid_of_the_best():
    gaussians, asked = fitted(), torch.cat([samples(2, 3), samples(0, 2)])
    expected = []
    for experience in range(2):
        own = samples(experience).double()
        covariance = own.T.cov() + 1e-7 * torch.eye(WIDTH, dtype=torch.float64)
        expected.append(MultivariateNormal(own.mean(dim=0), covariance).log_prob(asked.double()))
    densities = torch.stack(expected, dim=1)
    assert torch.allclose(gaussians.log_densities(2 * asked), densities, rtol=1e-4)
    assert gaussians.choices(asked).tolist() == densities.argmax(dim=1).tolist()
    image, text = gaussians.shares(asked)
    shares = torch.sigmoid(densities.max(dim=1).values / WIDTH - 1).float()
    assert torch.allclose(image, shares, rtol=1e-3)
    assert torch.equal(image, text)


def test_together_a_majority_chooses_and_texts_have_the_mean_share():
    alone, together = fitted(), fitted(together=True)
    asked = torch.cat([samples(0, 5), samples(1, 3)])
    assert alone.choices(asked).tolist() == [0] * 5 + [1] * 3
    assert together.choices(asked).tolist() == [0] * 8
    image, text = together.shares(asked)
    assert torch.equal(image, alone.shares(asked)[0])
    assert text.tolist() == pytest.approx([float(image.mean())] * 8)


def test_nobody_is_chosen_before_an_experience_ends_and_none_without_samples_is():
    gaussians = Gaussians(WIDTH, 1e-7, together=False)
    gaussians.observe(samples(0), torch.zeros(30))
    assert gaussians.choices(samples(0)).tolist() == [NOBODY] * 30
    assert gaussians.shares(samples(0))[0].tolist() == [0.0] * 30
    gaussians.close(0)
    gaussians.close(1)
    assert gaussians.choices(samples(1)).tolist() == [0] * 30


def test_what_fits_nowhere_is_left_to_zero_shot_and_what_fits_wholly_is_not(backbone):
    """A narrow ridge and few samples: what was not seen has no density at all."""
    pixels = pictures(backbone, "pixels")
    strange = pictures(backbone, "pixels", seed=1)
    adapter = build(backbone)
    learn(adapter, pixels, FIRST)
    expected = zeroshot(backbone, "pixels", strange, templates=None)
    assert torch.allclose(logits(adapter, strange), expected, atol=1e-3)
    own = zeroshot(backbone, "pixels", pixels, templates=None)
    assert not torch.allclose(logits(adapter, pixels), own, atol=1e-1)


def test_a_later_experience_leaves_what_an_earlier_one_learned(backbone):
    pixels = pictures(backbone, "pixels")
    adapter = build(backbone)
    learn(adapter, pixels, FIRST)
    before = logits(adapter, pixels, ALL)
    learn(adapter, pictures(backbone, "pixels", seed=1), SECOND, key="second")
    assert adapter.choices(pixels).tolist() == [0] * len(pixels)
    assert torch.allclose(logits(adapter, pixels, ALL), before, atol=1e-4)

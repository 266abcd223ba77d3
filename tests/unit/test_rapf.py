"""RAPF: limit cases of its fusion, its draws and its pairs."""

import pytest
import torch

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.backbones.precomputed import ClassTexts, PrecomputedBackbone
from clvl_bench.core.rng import keyed
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.losses import TrainingBatch, masked_cross_entropy
from clvl_bench.methods.rapf.adapter import Gaussians, cholesky_factor, fuse, near_pairs
from clvl_bench.methods.rapf.config import RapfConfig
from clvl_bench.methods.registry import build_adapter

WIDTH = 6
TABLE = tuple(Candidate(f"c{number}", "d", ("{}",)) for number in range(4))


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def build(**settings):
    rows = l2_normalize(random(len(TABLE), WIDTH, seed=9))
    text = {"d": ClassTexts([each.name for each in TABLE], rows[None])}
    backbone = PrecomputedBackbone(name="x", logit_scale=10.0, width=WIDTH, text=text)
    return build_adapter(RapfConfig(**settings), backbone, TABLE, seed=0)


def test_a_share_of_one_is_the_new_map_and_a_map_that_stayed_is_itself():
    before, after = random(WIDTH, WIDTH, seed=1), random(WIDTH, WIDTH, seed=2)
    assert torch.allclose(fuse(before, after, share=1.0), after, atol=1e-5)
    assert torch.allclose(fuse(before, before, share=0.3), before, atol=1e-5)


def test_what_moved_furthest_is_kept_whole_and_the_rest_in_part():
    """Of a diagonal map the basis is that of the axes: 3 moved by 2 and 1 by half of that."""
    before, after = torch.diag(torch.tensor([3.0, 1.0])), torch.diag(torch.tensor([5.0, 2.0]))
    expected = torch.diag(torch.tensor([5.0, 2.0 * 0.75 + 1.0 * 0.25]))
    assert torch.allclose(fuse(before, after, share=0.25), expected, atol=1e-6)


def test_pseudo_features_have_the_mean_and_covariance_of_their_class():
    root = random(WIDTH, WIDTH, seed=3)
    mean, covariance = random(WIDTH, seed=4), root @ root.T
    factor = cholesky_factor(covariance, shrink=False)
    with keyed("draws"):
        drawn = Gaussians((0,), mean[None], factor[None]).draw(0, 200_000)
    assert torch.allclose(drawn.mean(dim=0), mean, atol=0.05)
    assert torch.allclose(torch.cov(drawn.T), covariance, atol=0.03 * float(covariance.max()))


def test_a_class_of_one_sample_is_drawn_around_it():
    factor = cholesky_factor(torch.zeros(WIDTH, WIDTH), shrink=False)
    assert torch.allclose(factor @ factor.T, 1e-4 * torch.eye(WIDTH), atol=1e-9)


def test_the_moments_are_those_of_all_samples_whatever_the_batches():
    adapter, features = build(), random(20, WIDTH) + 5
    for rows in torch.arange(20).split(7):
        adapter.observe(features[rows], torch.full((len(rows),), 2))
    adapter.observe(features, torch.full((20,), -1))  # labels that have not arrived
    assert adapter.seen_classes == (2,)
    assert torch.allclose(adapter.means[0], features.mean(dim=0), atol=1e-5)
    assert torch.allclose(adapter.scatters[0] / 19, torch.cov(features.T), atol=1e-5)


def test_pairs_are_of_an_old_and_a_new_class_whose_texts_are_near():
    old = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    new = torch.tensor([[0.0, 1.0], [-1.0, 0.0], [0.6, 0.8]])
    assert near_pairs(old, new, 0.7) == [(1, 0), (1, 2)]
    assert near_pairs(old, new, 0.0) == []


def taught(**settings):
    """After an experience with two classes, in the middle of the next."""
    adapter = build(**settings)
    adapter.begin((0, 1))
    adapter.observe(random(8, WIDTH), torch.arange(8) % 2)
    adapter.end()
    adapter.begin((2, 3))
    adapter.scored = (0, 1, 2, 3)
    return adapter.train()


def test_without_old_classes_the_loss_is_cross_entropy_and_with_them_it_has_a_gradient_of_theirs():
    inputs, labels = random(4, WIDTH, seed=5), torch.tensor([2, 3, 2, 3])
    first, second = build(), taught(threshold=0)
    first.scored = (2, 3)
    batch = TrainingBatch(inputs, first.train()(inputs), labels)
    assert torch.equal(first.loss(batch), masked_cross_entropy(batch.logits, labels))
    batch = TrainingBatch(inputs, second(inputs), labels)
    with keyed("step"):
        loss = second.loss(batch)
    with keyed("step"):
        assert torch.equal(second.loss(batch), loss)
    assert not torch.equal(loss, masked_cross_entropy(batch.logits, labels))


@pytest.mark.parametrize("margin", [-3.0, 3.0])
def test_the_hinge_is_zero_where_old_classes_are_nearer_by_the_margin(margin):
    adapter = taught(threshold=3.0, margin=margin)
    assert len(adapter._hard_pairs) == 4
    with keyed("hinge"):
        hinge = float(adapter._hinge(adapter._old).detach())
    # Cosines differ by 2 at most, so that a margin of 3 is never kept and one of -3 always is.
    assert (hinge == 0) == (margin < 0)


def test_the_mean_of_a_single_sample_is_counted_as_a_kept_one():
    adapter = build()
    adapter.observe(random(3, WIDTH), torch.tensor([0, 0, 1]))
    assert adapter.kept_samples() == 1


def test_covariances_are_counted_among_the_bytes_that_are_kept():
    of_a_class = WIDTH * WIDTH + WIDTH + 1
    assert taught().kept_bytes() == 4 * (WIDTH * WIDTH + 2 * of_a_class)

"""PROOF: limit cases of its maps, its attention, its routing and its loss."""

import pytest
import torch
from torch.nn.functional import cross_entropy, multi_head_attention_forward

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.backbones.precomputed import ClassTexts, PrecomputedBackbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.losses import TrainingBatch
from clvl_bench.methods.proof.adapter import contrast
from clvl_bench.methods.proof.attention import Attention, fuse
from clvl_bench.methods.proof.config import ProofConfig
from clvl_bench.methods.registry import build_adapter

WIDTH = 6
TABLE = tuple(Candidate(f"c{number}", "d", ("{}",)) for number in range(4))
ALL = (0, 1, 2, 3)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


TEXTS = l2_normalize(random(len(TABLE), WIDTH, seed=9))


def build(**settings):
    text = {"d": ClassTexts([each.name for each in TABLE], TEXTS[None])}
    backbone = PrecomputedBackbone(name="x", logit_scale=10.0, width=WIDTH, text=text)
    return build_adapter(ProofConfig(dropout=0.0, **settings), backbone, TABLE, seed=0).eval()


def taught(**settings):
    """Has seen two samples of each of the first two classes, and learned nothing from them."""
    adapter = build(**settings)
    adapter.begin((0, 1))
    adapter.observe(random(4, WIDTH, seed=1), torch.tensor([0, 1, 0, 1]))
    adapter.end()
    return adapter


@torch.no_grad()
def logits(adapter, inputs, candidates=ALL):
    return adapter.eval().logits(inputs, candidates)


def test_attention_is_torchs_of_one_head_with_a_residual_and_a_norm():
    attention, tokens = Attention(WIDTH, 0.0), random(3, 5, WIDTH)
    with torch.no_grad():
        asking = tokens.transpose(0, 1)
        mixed, _ = multi_head_attention_forward(
            asking,
            asking,
            asking,
            WIDTH,
            1,
            None,
            None,
            None,
            None,
            False,
            0.0,
            attention.out.weight,
            attention.out.bias,
            use_separate_proj_weight=True,
            q_proj_weight=attention.query.weight,
            k_proj_weight=attention.key.weight,
            v_proj_weight=attention.value.weight,
        )
        expected = attention.norm(mixed.transpose(0, 1) + tokens)
        assert torch.allclose(attention(tokens, 5), expected, atol=1e-5)
        assert torch.allclose(attention(tokens, 2), expected[:, :2], atol=1e-5)


def test_each_image_makes_texts_and_prototypes_of_its_own():
    attention = Attention(WIDTH, 0.0)
    images, texts, prototypes = random(3, WIDTH), random(2, WIDTH, seed=1), random(2, WIDTH, seed=2)
    with torch.no_grad():
        image, text, prototype = fuse(
            attention, images, texts, prototypes, random(3, WIDTH, seed=3)
        )
        alone = fuse(attention, images[1:2], texts, prototypes, random(3, WIDTH, seed=3))
    assert (image.shape, text.shape, prototype.shape) == ((3, 6), (3, 2, 6), (3, 2, 6))
    for together, single in zip((image, text, prototype), alone, strict=True):
        assert torch.allclose(together[1:2], single, atol=1e-6)
    assert not torch.allclose(text[0], text[1])


def test_contrast_of_orthonormal_pairs_is_the_closed_form():
    """Own cosines 1 and all others 0: log(1 + (n - 1) exp(-scale)), from either side."""
    pairs = torch.eye(4, WIDTH)
    expected = torch.log1p(3 * torch.exp(torch.tensor(-2.0)))
    assert contrast(pairs, pairs, 2.0).item() == pytest.approx(expected.item(), rel=1e-5)


def test_before_anything_is_learned_and_for_what_was_not_it_is_zero_shot():
    inputs = TEXTS + 0.01 * random(4, WIDTH, seed=4)
    zeroshot = 10.0 * l2_normalize(inputs) @ TEXTS.T
    assert torch.allclose(logits(build(), inputs), zeroshot, atol=1e-5)
    scores = logits(taught(), inputs)
    assert torch.allclose(scores[2:], zeroshot[2:], atol=1e-5)
    assert bool(torch.isneginf(scores[:2, 2:]).all())
    assert bool(torch.isfinite(scores[:2, :2]).all())
    assert bool(torch.isneginf(logits(taught(unseen="never"), inputs)[:, 2:]).all())


def test_neighbours_sway_a_prediction_with_routing_by_batch_alone_and_a_single_sample_has_none():
    inputs = random(130, WIDTH, seed=5)  # more than go through the attention together
    sample, batch = taught(unseen="never"), taught(unseen="never", routing="batch")
    batch.load(sample.state())
    together, means = logits(sample, inputs, (0, 1)), logits(batch, inputs, (0, 1))
    alone = torch.cat([logits(sample, inputs[row : row + 1], (0, 1)) for row in range(130)])
    assert torch.allclose(together, alone, atol=1e-5)
    assert not torch.allclose(means, together, atol=1e-2)
    apart = torch.cat([logits(batch, inputs[row : row + 1], (0, 1)) for row in range(130)])
    assert torch.allclose(apart, alone, atol=1e-5)
    assert (sample.config.transductive, batch.config.transductive) == (False, True)


def test_the_length_of_an_image_feature_counts_in_testing_as_released_and_else_not():
    """Biases 0, so that the map keeps lengths."""
    for form in ("unit", "raw"):
        adapter = taught(unseen="never", test_features=form)
        with torch.no_grad():
            adapter.image_maps[0].bias.zero_()
        inputs = random(3, WIDTH, seed=6)
        same = torch.allclose(logits(adapter, inputs), logits(adapter, 5 * inputs), atol=1e-4)
        assert same == (form == "unit")


@pytest.mark.parametrize("frozen", ["both", "image"])
def test_maps_are_added_and_those_of_earlier_experiences_train_no_more(frozen):
    adapter = taught(frozen_maps=frozen)
    adapter.begin((2, 3))
    assert len(adapter.image_maps) == len(adapter.text_maps) == len(adapter.contexts) == 2
    trains = {name for name, each in adapter.named_parameters() if each.requires_grad}
    assert not {"image_maps.0.weight", "contexts.0"} & trains
    assert {"image_maps.1.weight", "text_maps.1.weight", "contexts.1"} <= trains
    assert ("text_maps.0.weight" in trains) == (frozen == "image")
    inputs = random(2, WIDTH)
    with torch.no_grad():
        expected = adapter.image_maps[0](inputs) + adapter.image_maps[1](inputs)
        assert torch.allclose(adapter.image(inputs), expected, atol=1e-6)


def test_prototypes_are_means_of_unit_features_whatever_the_batches_and_lengths():
    adapter, features = build(), random(20, WIDTH) + 5
    for rows in torch.arange(20).split(7):
        adapter.observe(features[rows], torch.full((len(rows),), 2))
    adapter.observe(features, torch.full((20,), -1))  # labels that have not arrived
    assert adapter.seen_classes == (2,)
    prototypes = adapter._prototypes((1, 2))
    assert torch.allclose(prototypes[1], l2_normalize(features).mean(dim=0), atol=1e-6)
    assert torch.equal(prototypes[0], TEXTS[1])


def test_the_loss_is_of_known_labels_among_candidates():
    adapter = taught().train()
    adapter.scored = (0, 1, 3)
    inputs, labels = random(4, WIDTH, seed=7), torch.tensor([3, -1, 0, 1])
    answered = adapter(inputs)
    loss = adapter.loss(TrainingBatch(inputs, answered, labels))
    scores = adapter._scores(inputs, adapter.scored)
    known, columns = torch.tensor([0, 2, 3]), torch.tensor([2, 0, 1])
    expected = contrast(scores.images[known], scores.texts[columns], 10.0)
    expected = expected + cross_entropy(scores.by_text[known], columns)
    expected = expected + cross_entropy(scores.by_prototype[known], columns)
    assert torch.allclose(loss, expected, atol=1e-5)
    # The last class belongs to another dataset than the first sample's: it is no candidate of it.
    masked = answered.clone()
    masked[2, 3] = -torch.inf
    assert adapter.loss(TrainingBatch(inputs, masked, labels)) < loss
    nothing = adapter.loss(TrainingBatch(inputs, answered, torch.full((4,), -1)))
    assert nothing.item() == 0


def test_the_mean_of_a_single_sample_is_counted_as_a_kept_one():
    adapter = build()
    adapter.observe(random(3, WIDTH), torch.tensor([0, 0, 1]))
    assert adapter.kept_samples() == 1

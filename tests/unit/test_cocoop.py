"""CoCoOp's limit cases (Zhou et al. 2022), and how many sentences it encodes, on a small random
CLIP.
"""

import pytest
import torch

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.backbones.precomputed import PrecomputedBackbone
from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods.cocoop.config import CoCoOpConfig
from clvl_bench.methods.prompt.config import PromptConfig
from clvl_bench.methods.registry import build_adapter

TABLE = tuple(
    Candidate(name, "d", ("a photo of a {}.",))
    for name in ("forest", "wheat field", "annual_crop_land", "x", "lake")
)
ALL = tuple(range(len(TABLE)))
IMAGES = 6


@pytest.fixture
def features(backbone):
    return 3 * torch.randn(IMAGES, backbone.width, generator=torch.Generator().manual_seed(0))


def build(backbone, table=TABLE, **settings):
    return build_adapter(CoCoOpConfig(**settings), backbone, table, seed=0)


@pytest.fixture
def encoded(backbone, monkeypatch):
    """(contexts, sentences, tokens behind the context) of every call of the text tower from here
    on.
    """
    calls, after = [], backbone.towers.text_after

    def overheard(beginnings, rests, ends):
        calls.append((len(beginnings), *rests.shape[:2]))
        return after(beginnings, rests, ends)

    monkeypatch.setattr(backbone.towers, "text_after", overheard)
    return calls


def test_a_shift_of_zero_is_coop_whatever_the_image(backbone, features):
    cocoop, coop = (
        build(backbone, shift_init="zero"),
        build_adapter(PromptConfig(), backbone, TABLE, seed=0),
    )
    with torch.no_grad():
        for adapter in (cocoop, coop):
            adapter.context.add_(0.3)
        assert torch.allclose(cocoop.logits(features, ALL), coop.logits(features, ALL), atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("position", ["end", "middle", "front"])
def test_each_image_has_the_coop_of_its_own_context(backbone, features, position):
    settings = {"context_init": "random", "context_length": 4, "position": position}
    cocoop, coop = (
        build(backbone, **settings),
        build_adapter(PromptConfig(**settings), backbone, TABLE, seed=0),
    )
    for image, row in zip(features, cocoop.logits(features, ALL), strict=True):
        shift = cocoop.shift(image / image.norm())
        assert shift.abs().max() > 1e-3
        coop.context.copy_(cocoop.context + shift)
        coop.forget_classifiers()
        assert torch.allclose(row, coop.logits(image[None], ALL)[0], atol=1e-4)


def test_the_length_of_a_feature_does_not_matter(backbone, features):
    cocoop = build(backbone)
    assert torch.allclose(cocoop.logits(features, ALL), cocoop.logits(7 * features, ALL), atol=1e-4)


def test_the_net_is_sixteen_times_narrower_and_context_and_net_alone_are_trained(
    backbone, features
):
    cocoop = build(backbone)
    cocoop.logits(features, ALL).sum().backward()
    trained = {name: tuple(weight.shape) for name, weight in cocoop.named_parameters()}
    words = cocoop.context.shape[0]
    hidden = backbone.width // 16
    assert trained == {
        "context": (words, 32),
        "shift.0.weight": (hidden, 24),
        "shift.0.bias": (hidden,),
        "shift.2.weight": (32, hidden),
        "shift.2.bias": (32,),
    }
    assert cocoop.context.grad.abs().sum() > 0
    assert cocoop.shift[2].weight.grad is not None
    assert all(weight.grad is None for weight in backbone.towers.parameters())


def gradients(adapter, features):
    adapter.zero_grad()
    scores = adapter.logits(features, ALL)
    scores.log_softmax(dim=1)[:, 1].sum().backward()
    return [scores.detach(), *(weight.grad.clone() for weight in adapter.parameters())]


@pytest.mark.parametrize("position", ["end", "middle"])
@pytest.mark.parametrize("chunk", [1, 4, 7, 13])
def test_chunks_change_neither_logits_nor_gradients(backbone, features, position, chunk):
    settings = {"context_init": "random", "context_length": 3, "position": position}
    whole, parts = build(backbone, chunk=1000, **settings), build(backbone, chunk=chunk, **settings)
    for expected, found in zip(gradients(whole, features), gradients(parts, features), strict=True):
        assert torch.allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("chunk", [1, 4, 7, 13])
def test_no_more_than_a_chunk_goes_through_the_tower_at_a_time_there_and_back(
    backbone, features, encoded, chunk
):
    gradients(build(backbone, chunk=chunk), features)
    pairs = [contexts * sentences for contexts, sentences, _ in encoded]
    assert max(pairs) <= chunk
    assert sum(pairs) == 2 * IMAGES * len(TABLE), "once forward, once on the way back"


def held_for_the_way_back(adapter, features):
    """Bytes of distinct tensors that the graph of a forward pass holds."""
    held = {}

    def keep(tensor):
        held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        scores = adapter.logits(features, ALL)
    assert scores.requires_grad
    return sum(held.values())


def test_what_a_step_holds_does_not_grow_with_the_sentences(backbone):
    many = torch.randn(60, backbone.width, generator=torch.Generator().manual_seed(0))
    one_chunk = held_for_the_way_back(build(backbone, chunk=30), many[:6])
    chunked = held_for_the_way_back(build(backbone, chunk=30), many)
    whole = held_for_the_way_back(build(backbone, chunk=1000), many)
    assert whole > 5 * one_chunk
    assert chunked < one_chunk, (
        "ten chunks hold their inputs and outputs; a single one its activations"
    )


def test_equal_sentences_are_encoded_once_and_cut_behind_the_longest(backbone, features, encoded):
    again = tuple(Candidate(candidate.name, "other", candidate.templates) for candidate in TABLE)
    with torch.no_grad():
        doubled = build(backbone, TABLE + again).logits(features, tuple(range(2 * len(TABLE))))
    assert torch.equal(doubled[:, : len(TABLE)], doubled[:, len(TABLE) :])
    longest = backbone.tokenize(
        [f"{candidate.name.replace('_', ' ')}." for candidate in TABLE]
    ).ends.max()
    assert encoded == [(IMAGES, len(TABLE), int(longest))]


def test_logits_are_scaled_cosines(backbone, features):
    scores = build(backbone).logits(features, ALL)
    assert scores.abs().max() <= backbone.logit_scale * (1 + 1e-5)
    assert not torch.allclose(
        scores,
        backbone.logit_scale * l2_normalize(features) @ backbone.class_features(TABLE).T,
        atol=1e-3,
    )


def test_a_sentence_too_long_for_the_tower_is_refused_in_one_line(backbone):
    with pytest.raises(
        Mistake, match=r"has 86 tokens, 64 of them learned, but .* reads 77; learn 9 fewer"
    ):
        build(
            backbone,
            (*TABLE, Candidate("x " * 20, "d", ("{}",))),
            context_init="random",
            context_length=64,
        )


def test_precomputed_features_are_refused_in_one_line():
    with pytest.raises(Mistake, match="the adapter 'cocoop' needs the text or image tower"):
        build(PrecomputedBackbone(name="x", logit_scale=100.0, width=8, text={}))

"""Between the layers of a tower: an empty insert leaves it as it is, and each place does what it
says.
"""

import pytest
import torch

from clvl_bench.backbones.clip import causal_mask
from clvl_bench.backbones.layers import Insert, run_layers, with_layers
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.core.errors import Mistake


@pytest.fixture(scope="module")
def towers(random_clip):
    return load_backbone(str(random_clip())).towers


@pytest.fixture
def pixels():
    return torch.randint(
        0, 256, (3, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


class Prefix(Insert):
    def __init__(self, keys, values):
        self.pair = (keys, values)

    def prefix(self, layer):
        return self.pair


class Tail(Insert):
    """Tokens behind the others before the first normalisation; written over before each layer."""

    def __init__(self, tokens, over=lambda tail: tail):
        self.tokens, self.over = tokens, over

    def first(self, hidden):
        return torch.cat([hidden, self.tokens.expand(len(hidden), -1, -1)], dim=1)

    def before(self, layer, hidden):
        count = len(self.tokens)
        return torch.cat([hidden[:, :-count], self.over(hidden[:, -count:])], dim=1)


def test_an_empty_insert_is_transformers_own_image_tower(towers, pixels):
    assert torch.allclose(towers.image_through(pixels, Insert()), towers.image(pixels), atol=1e-6)


@pytest.mark.parametrize("tower", ["vision_model", "text_model"])
def test_a_prefix_of_length_zero_is_transformers_own_layers(towers, tower):
    """Attention is written out where there is a prefix: without one it must be the module's own."""
    layers = getattr(towers, tower).encoder.layers
    hidden = torch.randn(2, 5, layers[0].embed_dim)
    mask = causal_mask(5, hidden) if tower == "text_model" else None
    expected = hidden
    for layer in layers:
        expected = layer(expected, mask)
    empty = hidden.new_zeros(1, 0, hidden.shape[-1])
    assert torch.allclose(
        run_layers(layers, hidden, mask, Prefix(empty, empty)), expected, atol=1e-6
    )


def test_the_order_of_prefix_rows_does_not_matter_and_zeros_are_not_nothing(towers, pixels):
    torch.manual_seed(0)
    keys, values = torch.randn(2, 1, 4, towers.image_width)
    order = torch.tensor([2, 0, 3, 1])
    one = towers.image_through(pixels, Prefix(keys, values))
    assert torch.allclose(
        one, towers.image_through(pixels, Prefix(keys[:, order], values[:, order])), atol=1e-6
    )
    zeros = torch.zeros(1, 4, towers.image_width)  # each adds exp(0) to every softmax
    assert not torch.allclose(
        towers.image_through(pixels, Prefix(zeros, zeros)), towers.image(pixels), atol=1e-3
    )


def test_words_before_a_prefix_row_see_it(towers):
    """In the causal tower too: the first token alone changes when there is a prefix."""
    hidden = torch.randn(1, 1, 32)
    layers, mask = towers.text_model.encoder.layers, causal_mask(1, hidden)
    some = torch.randn(1, 2, 32)
    assert not torch.allclose(
        run_layers(layers, hidden, mask, Prefix(some, some)),
        run_layers(layers, hidden, mask, Insert()),
    )


def test_a_tail_written_over_with_its_own_states_is_the_tail(towers, pixels):
    tokens = torch.randn(2, towers.image_width)

    class Once(Tail):
        def before(self, layer, hidden):
            return hidden

    once, again = (towers.image_through(pixels, kind(tokens)) for kind in (Once, Tail))
    assert torch.allclose(once, again, atol=1e-6)
    other = towers.image_through(pixels, Tail(tokens, over=torch.zeros_like))
    assert not torch.allclose(once, other, atol=1e-4)


def test_learned_tokens_may_stand_anywhere_behind_the_one_that_pools(towers, pixels):
    tokens = torch.randn(2, towers.image_width)

    class Second(Insert):
        def first(self, hidden):
            return torch.cat(
                [hidden[:, :1], tokens.expand(len(hidden), -1, -1), hidden[:, 1:]], dim=1
            )

    assert torch.allclose(
        towers.image_through(pixels, Second()),
        towers.image_through(pixels, Tail(tokens)),
        atol=1e-6,
    )


def test_a_branch_is_added_to_the_feed_forward_part(towers, pixels):
    class Instead(Insert):
        """Takes the feed-forward part of layer 0 away."""

        def beside(self, layer, hidden):
            first = towers.vision_model.encoder.layers[0]
            return -first.mlp(first.layer_norm2(hidden)) if layer == 0 else None

    vision = towers.vision_model
    hidden = vision.pre_layrnorm(vision.embeddings((pixels - towers.mean) / towers.std))
    first, second = vision.encoder.layers
    attended, _ = first.self_attn(first.layer_norm1(hidden))
    expected = towers.visual_projection(
        vision.post_layernorm(second(hidden + attended, None)[:, 0])
    )
    assert torch.allclose(towers.image_through(pixels, Instead()), expected, atol=1e-5)


def test_towers_that_let_nobody_in_are_refused_in_one_line():
    from clvl_bench.backbones.clip import ClipBackbone

    closed = object.__new__(ClipBackbone)
    closed.name, closed.towers = "x", torch.nn.Identity()
    with pytest.raises(
        Mistake,
        match=r"the adapter 'l2p' works between the layers .* backbone x does not open them",
    ):
        with_layers(closed, wanted_by="the adapter 'l2p'")


def test_precomputed_features_have_no_layers():
    from clvl_bench.backbones.precomputed import PrecomputedBackbone

    with pytest.raises(Mistake, match="the adapter 'maple' needs the text or image tower"):
        with_layers(
            PrecomputedBackbone(name="x", logit_scale=100.0, width=8, text={}),
            wanted_by="the adapter 'maple'",
        )

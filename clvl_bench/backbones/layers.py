"""Layers: towers that let an adapter in between their layers: further tokens, keys and values,
branches.

Visual and deep prompts, prefixes and experts all live inside a tower. What a method puts there is
an `Insert`; running a tower with it is written once, here, by the modules of the tower itself, so
that an empty one leaves the tower as it is.
"""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear, pad, scaled_dot_product_attention

from clvl_bench.backbones.base import Backbone, TowerBackbone, Towers, with_towers
from clvl_bench.core.errors import Mistake


@dataclass(frozen=True)
class Aside:
    """Keys and values, both [batch or 1, length, tower width], that tokens attend to in an
    attention of its own, and how much of what comes of it is added [batch or 1].
    """

    keys: Tensor
    values: Tensor
    share: Tensor


class Insert:
    """What stands between the layers of a tower; as it is here, nothing. `hidden` is [batch,
    tokens, tower width].
    """

    def first(self, hidden: Tensor) -> Tensor:
        """Image tokens with their positions, before the first normalisation. What pools is the
        first of them.
        """
        return hidden

    def before(self, layer: int, hidden: Tensor) -> Tensor:
        """Tokens that enter a layer; the first layer is 0."""
        return hidden

    def prefix(self, layer: int) -> tuple[Tensor, Tensor] | None:
        """Keys and values [batch, length, tower width] that stand before the projected ones of a
        layer.
        """
        return None

    def aside(self, layer: int) -> Aside | None:
        """What the tokens of a layer attend to apart from each other, so that their own attention
        stays as it is.
        """
        return None

    def beside(self, layer: int, hidden: Tensor) -> Tensor | None:
        """A branch parallel to a layer's feed-forward part, from its input before normalisation."""
        return None


class LayeredTowers(Towers):
    """Towers that an adapter may enter. Learned tokens carry no position, so that their place does
    not matter.
    """

    image_width: int
    image_layers: int
    text_layers: int

    @abstractmethod
    def image_through(self, pixels: Tensor, insert: Insert) -> Tensor:
        """`image`, with something between its layers."""

    @abstractmethod
    def text_through(self, embeddings: Tensor, ends: Tensor, insert: Insert) -> Tensor:
        """`text`, with something between its layers."""


def run_layers(
    layers: Iterable[Any], hidden: Tensor, mask: Tensor | None, insert: Insert
) -> Tensor:
    """Through pre-norm transformer layers as transformers builds them (`layer_norm1`, `self_attn`,
    `layer_norm2`, `mlp`).
    """
    for number, layer in enumerate(layers):
        hidden = insert.before(number, hidden)
        normalised = layer.layer_norm1(hidden)
        attended = _attend(layer.self_attn, normalised, mask, insert.prefix(number))
        aside = insert.aside(number)
        if aside is not None:
            attended = attended + _attend_aside(layer.self_attn, normalised, aside)
        hidden = hidden + attended
        # The branch reads what the feed-forward part reads, so it is computed before that is added.
        branch = insert.beside(number, hidden)
        hidden = hidden + layer.mlp(layer.layer_norm2(hidden))
        if branch is not None:
            hidden = hidden + branch
    return hidden


def _attend(
    attention: Any, hidden: Tensor, mask: Tensor | None, prefix: tuple[Tensor, Tensor] | None
) -> Tensor:
    """The layer's own attention; transformers' has no place for a prefix, so with one it is written
    out.
    """
    attended: Tensor
    if prefix is None:
        attended, _ = attention(hidden, mask)
        return attended

    keys, values = (part.expand(len(hidden), -1, -1) for part in prefix)
    if mask is not None:  # every token sees the whole prefix
        mask = pad(mask, (keys.shape[1], 0))
    keys = torch.cat([keys, attention.k_proj(hidden)], dim=1)
    values = torch.cat([values, attention.v_proj(hidden)], dim=1)
    attended = attention.out_proj(_mixed(attention, hidden, keys, values, mask))
    return attended


def _attend_aside(attention: Any, hidden: Tensor, aside: Aside) -> Tensor:
    """share * W_out softmax(q K' / sqrt(d)) V, by the layer's own queries; the bias of the output
    is in the layer's own attention.
    """
    keys = aside.keys.expand(len(hidden), -1, -1)
    values = aside.values.expand(len(hidden), -1, -1)
    mixed = _mixed(attention, hidden, keys, values, None)
    return linear(aside.share[:, None, None] * mixed, attention.out_proj.weight)


def _mixed(
    attention: Any, hidden: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None
) -> Tensor:
    """Values [batch, tokens, tower width] as the layer's queries of `hidden` mix them, before the
    output projection.
    """

    def heads(tokens: Tensor) -> Tensor:
        split: Tensor = tokens.unflatten(-1, (-1, attention.head_dim)).transpose(1, 2)
        return split

    mixed = scaled_dot_product_attention(
        heads(attention.q_proj(hidden)),
        heads(keys),
        heads(values),
        attn_mask=mask,
        scale=attention.scale,
    )
    return mixed.transpose(1, 2).flatten(2)


def with_layers(backbone: Backbone, *, wanted_by: str) -> tuple[TowerBackbone, LayeredTowers]:
    """The backbone and its towers, if they let an adapter in.

    Raises:
        Mistake: it has only precomputed features, or its towers are closed.
    """
    found = with_towers(backbone, wanted_by=wanted_by)
    if isinstance(found.towers, LayeredTowers):
        return found, found.towers
    raise Mistake(
        f"{wanted_by} works between the layers of the towers, but backbone {found.name} does not "
        f"open them; use a CLIP in transformers' layout, for example --backbone tiny"
    )

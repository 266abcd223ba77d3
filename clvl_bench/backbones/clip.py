"""CLIP as transformers holds it. The one file that knows how transformers 5 treats CLIP's towers.

Traps, each with a test: `get_*_features` return an object, not a tensor; the text tower refuses
embeddings, and run by hand without an explicit mask it is silently bidirectional; the first
end-of-text token pools, also in old configurations whose `eos_token_id` is 2 and which transformers
pools by the highest id instead.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clvl_bench.backbones.base import TowerBackbone
from clvl_bench.backbones.layers import Insert, LayeredTowers, run_layers
from clvl_bench.backbones.preprocessing import Preprocessing, as_bytes, read_preprocessing
from clvl_bench.backbones.weights import read_model, read_tokenizer, refuse_lost_merges

FILES = ("model.safetensors", "pytorch_model.bin")
"""The weights, in the order in which transformers looks for them."""


class ClipTowers(LayeredTowers):
    """The towers of a transformers `CLIPModel`, without its logit scale, which is never trained."""

    image_parts = ("vision_model", "visual_projection")
    query_and_value = {
        "image": r"vision_model\..*\.(q_proj|v_proj)",
        "text": r"text_model\..*\.(q_proj|v_proj)",
    }
    mean: Tensor
    std: Tensor

    def __init__(self, clip: Any, *, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.vision_model = clip.vision_model
        self.visual_projection = clip.visual_projection
        self.text_model = clip.text_model
        self.text_projection = clip.text_projection
        self.image_width = clip.config.vision_config.hidden_size
        self.image_layers = len(self.vision_model.encoder.layers)
        self.text_layers = len(self.text_model.encoder.layers)
        self.register_buffer("mean", as_bytes(mean), persistent=False)
        self.register_buffer("std", as_bytes(std), persistent=False)

    def image(self, pixels: Tensor) -> Tensor:
        features: Tensor = self.visual_projection(self._seen(pixels).pooler_output)
        return features

    def image_through(self, pixels: Tensor, insert: Insert) -> Tensor:
        vision = self.vision_model
        hidden = vision.pre_layrnorm(insert.first(vision.embeddings(self._normal(pixels))))
        hidden = run_layers(vision.encoder.layers, hidden, None, insert)
        features: Tensor = self.visual_projection(vision.post_layernorm(hidden[:, 0]))
        return features

    def patches(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        seen = self._seen(pixels)
        # transformers applies the last norm to the class token alone.
        patches = self.vision_model.post_layernorm(seen.last_hidden_state[:, 1:])
        return self.visual_projection(patches), self.visual_projection(seen.pooler_output)

    def _seen(self, pixels: Tensor) -> Any:
        return self.vision_model(pixel_values=self._normal(pixels))

    def embed(self, ids: Tensor) -> Tensor:
        embeddings: Tensor = self.text_model.embeddings.token_embedding(ids)
        return embeddings

    def text(self, embeddings: Tensor, ends: Tensor) -> Tensor:
        return self.text_through(embeddings, ends, Insert())

    def text_through(self, embeddings: Tensor, ends: Tensor, insert: Insert) -> Tensor:
        positions = torch.arange(embeddings.shape[1], device=embeddings.device)
        mask = causal_mask(len(positions), embeddings)
        hidden = self._text_hidden(embeddings, positions, mask, insert)
        rows = torch.arange(len(hidden), device=hidden.device)
        features: Tensor = self.text_projection(hidden[rows, ends])
        return features

    def text_after(self, beginnings: Tensor, rests: Tensor, ends: Tensor) -> Tensor:
        """The tower is causal: a beginning is encoded once, in one sequence with all rests, which
        do not see each other.
        """
        before = beginnings.shape[1]
        count, length, _ = rests.shape
        numbers = torch.arange(count, device=rests.device)
        all_rests = rests.flatten(0, 1).expand(len(beginnings), -1, -1)
        packed = torch.cat([beginnings, all_rests], dim=1)
        # Each rest has the positions right behind the beginning, as if no other rest were there.
        positions = torch.arange(before + length, device=rests.device)
        positions = torch.cat([positions[:before], positions[before:].repeat(count)])
        # The number of each token's rest, -1 in the beginning: a token sees the beginning and its
        # own rest.
        rest_of = torch.cat([numbers.new_full((before,), -1), numbers.repeat_interleave(length)])
        of_other_rest = (rest_of[None] >= 0) & (rest_of[None] != rest_of[:, None])
        mask = causal_mask(len(rest_of), packed)
        mask = mask.masked_fill(of_other_rest, torch.finfo(packed.dtype).min)
        hidden = self._text_hidden(packed, positions, mask, Insert())
        features: Tensor = self.text_projection(hidden[:, before + numbers * length + ends])
        return features

    def _text_hidden(
        self, embeddings: Tensor, positions: Tensor, mask: Tensor, insert: Insert
    ) -> Tensor:
        hidden = embeddings + self.text_model.embeddings.position_embedding(positions)
        hidden = run_layers(self.text_model.encoder.layers, hidden, mask, insert)
        normalised: Tensor = self.text_model.final_layer_norm(hidden)
        return normalised

    def _normal(self, pixels: Tensor) -> Tensor:
        return (pixels.to(self.mean.dtype) - self.mean) / self.std


def causal_mask(length: int, like: Tensor) -> Tensor:
    """Additive mask [1, 1, length, length]: without it, attention by hand sees the words to come,
    under eager and sdpa.
    """
    lowest = torch.finfo(like.dtype).min
    blocked = like.new_full((length, length), lowest)
    return blocked.triu(1)[None, None]


class ClipBackbone(TowerBackbone):
    """A frozen CLIP with its tokenizer."""

    def __init__(
        self, clip: Any, tokenizer: Any, preprocessing: Preprocessing, **identity: Any
    ) -> None:
        self._tokenizer = tokenizer
        towers = ClipTowers(clip, mean=preprocessing.mean, std=preprocessing.std)
        super().__init__(
            towers=towers,
            logit_scale=float(clip.logit_scale.detach().float().exp()),
            preprocessing=preprocessing,
            context_length=int(clip.config.text_config.max_position_embeddings),
            **identity,
        )

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        ids: list[list[int]] = self._tokenizer(list(texts), verbose=False)["input_ids"]
        return ids


def load(folder: Path, **identity: Any) -> ClipBackbone:
    """A CLIP from a folder in transformers' layout. Nothing in it is executed, and no socket is
    opened.

    Raises:
        Damage: a file of the folder cannot be read.
    """
    from transformers import CLIPModel, CLIPTokenizer

    clip = read_model(CLIPModel, folder, "CLIP", identity["name"])
    rows = clip.config.text_config.vocab_size
    tokenizer = read_tokenizer(CLIPTokenizer, folder, "CLIP", identity["name"], rows=rows)
    refuse_lost_merges(tokenizer, folder, identity["name"])
    preprocessing = read_preprocessing(folder / "preprocessor_config.json")
    return ClipBackbone(clip, tokenizer, preprocessing, **identity)

"""CLIP as transformers holds it. The one file that knows how transformers 5 treats CLIP's towers.

Traps, each with a test: `get_*_features` return an object, not a tensor; the text tower refuses embeddings, and run by
hand without an explicit mask it is silently bidirectional; the first end-of-text token pools, also in old configurations
whose `eos_token_id` is 2 and which transformers pools by the highest id instead.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clvl_bench.backbones.base import Tokens, TowerBackbone, Towers
from clvl_bench.backbones.preprocessing import Preprocessing, as_bytes, read_preprocessing
from clvl_bench.backbones.weights import read_model, read_part


class ClipTowers(Towers):
    """The towers of a transformers `CLIPModel`, without its logit scale, which is never trained."""

    query_and_value = {"image": r"vision_model\..*\.(q_proj|v_proj)", "text": r"text_model\..*\.(q_proj|v_proj)"}
    mean: Tensor
    std: Tensor

    def __init__(self, clip: Any, *, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.vision_model, self.visual_projection = clip.vision_model, clip.visual_projection
        self.text_model, self.text_projection = clip.text_model, clip.text_projection
        self.register_buffer("mean", as_bytes(mean), persistent=False)
        self.register_buffer("std", as_bytes(std), persistent=False)

    def image(self, pixels: Tensor) -> Tensor:
        features: Tensor = self.visual_projection(self._seen(pixels).pooler_output)
        return features

    def patches(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        seen = self._seen(pixels)
        # transformers applies the last norm to the class token alone.
        patches = self.vision_model.post_layernorm(seen.last_hidden_state[:, 1:])
        return self.visual_projection(patches), self.visual_projection(seen.pooler_output)

    def _seen(self, pixels: Tensor) -> Any:
        return self.vision_model(pixel_values=(pixels.to(self.mean.dtype) - self.mean) / self.std)

    def embed(self, ids: Tensor) -> Tensor:
        embeddings: Tensor = self.text_model.embeddings.token_embedding(ids)
        return embeddings

    def text(self, embeddings: Tensor, ends: Tensor) -> Tensor:
        hidden = self.text_model.embeddings(inputs_embeds=embeddings)  # adds the positions
        mask = causal_mask(hidden.shape[1], hidden)
        for layer in self.text_model.encoder.layers:
            hidden = layer(hidden, mask)
        hidden = self.text_model.final_layer_norm(hidden)
        features: Tensor = self.text_projection(hidden[torch.arange(len(hidden), device=hidden.device), ends])
        return features


def causal_mask(length: int, like: Tensor) -> Tensor:
    """Additive mask [1, 1, length, length]: without it, attention by hand sees the words to come, under eager and sdpa."""
    blocked = torch.full((length, length), torch.finfo(like.dtype).min, dtype=like.dtype, device=like.device)
    return blocked.triu(1)[None, None]


class ClipBackbone(TowerBackbone):
    """A frozen CLIP with its tokeniser."""

    def __init__(self, clip: Any, tokenizer: Any, preprocessing: Preprocessing, **identity: Any) -> None:
        self._tokenizer = tokenizer
        self._context = int(clip.config.text_config.max_position_embeddings)
        towers = ClipTowers(clip, mean=preprocessing.mean, std=preprocessing.std)
        super().__init__(
            towers=towers,
            logit_scale=float(clip.logit_scale.detach().float().exp()),
            preprocessing=preprocessing,
            context_length=self._context,
            **identity,
        )

    def tokenise(self, texts: Sequence[str]) -> Tokens:
        encoded = self._tokenizer(list(texts), padding=True, truncation=True, max_length=self._context, return_tensors="pt")
        ids: Tensor = encoded["input_ids"].to(self.device)
        # The tokeniser pads with the end of text itself: the first one is the end.
        ends = (ids == self._tokenizer.eos_token_id).int().argmax(dim=-1)
        return Tokens(ids[:, : int(ends.max()) + 1], ends)


def load(folder: Path, **identity: Any) -> ClipBackbone:
    """A CLIP from a folder in transformers' layout. Nothing in it is executed, and no socket is opened.

    Raises:
        Damage: a file of the folder cannot be read.
    """
    from transformers import CLIPModel, CLIPTokenizer

    clip = read_model(CLIPModel, folder, "CLIP", identity["name"])
    tokenizer = read_part(CLIPTokenizer, folder, "CLIP", identity["name"])
    return ClipBackbone(clip, tokenizer, read_preprocessing(folder / "preprocessor_config.json"), **identity)

"""CLIP as transformers holds it. The one file that knows how transformers 5 treats CLIP's towers.

Traps, each with a test: `get_*_features` return an object, not a tensor; the text tower refuses embeddings, and run by
hand without an explicit mask it is silently bidirectional; the first end-of-text token pools, also in old configurations
whose `eos_token_id` is 2 and which transformers pools by the highest id instead.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError  # what torch's restricted reader of .bin files raises; nothing here unpickles
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from clvl_bench.backbones.base import Tokens, TowerBackbone, Towers
from clvl_bench.backbones.preprocessing import Preprocessing
from clvl_bench.errors import Damage


class ClipTowers(Towers):
    """The towers of a transformers `CLIPModel`, without its logit scale, which is never trained."""

    mean: Tensor
    std: Tensor

    def __init__(self, clip: Any, *, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.vision_model, self.visual_projection = clip.vision_model, clip.visual_projection
        self.text_model, self.text_projection = clip.text_model, clip.text_projection
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1) * 255, persistent=False)

    def image(self, pixels: Tensor) -> Tensor:
        normal = (pixels.to(self.mean.dtype) - self.mean) / self.std
        features: Tensor = self.visual_projection(self.vision_model(pixel_values=normal).pooler_output)
        return features

    def patches(self, pixels: Tensor) -> Tensor:
        normal = (pixels.to(self.mean.dtype) - self.mean) / self.std
        hidden = self.vision_model(pixel_values=normal).last_hidden_state
        # transformers normalises the pooled token alone: its last hidden state is bare.
        tokens: Tensor = self.visual_projection(self.vision_model.post_layernorm(hidden))
        return tokens

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
        self._context = clip.config.text_config.max_position_embeddings
        towers = ClipTowers(clip, mean=preprocessing.mean, std=preprocessing.std)
        super().__init__(
            towers=towers,
            logit_scale=float(clip.logit_scale.detach().float().exp()),
            preprocessing=preprocessing,
            **identity,
        )

    @property
    def context_length(self) -> int:
        return int(self._context)

    def tokenise(self, texts: Sequence[str]) -> Tokens:
        encoded = self._tokenizer(list(texts), padding=True, truncation=True, max_length=self._context, return_tensors="pt")
        ids: Tensor = encoded["input_ids"].to(self.device)
        # The tokeniser pads with the end of text itself: the first one is the end.
        ends = (ids == self._tokenizer.eos_token_id).int().argmax(dim=-1)
        return Tokens(ids[:, : int(ends.max()) + 1], ends)


def load(folder: Path, *, name: str, family: str, weights_sha256: str) -> ClipBackbone:
    """A CLIP from a folder in transformers' layout. Nothing in it is executed, and no socket is opened.

    Raises:
        Damage: a file of the folder cannot be read.
    """
    from transformers import CLIPModel, CLIPTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        clip, info = CLIPModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32, output_loading_info=True)
        tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except UnpicklingError:
        raise Damage(f"backbone {name}: the weights in {folder} hold more than tensors; get them as safetensors") from None
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise Damage(f"backbone {name}: {folder} cannot be read as a CLIP ({str(error).splitlines()[0]})") from None
    absent = sorted({*info["missing_keys"], *(str(key) for key in info["mismatched_keys"])})
    if absent:  # transformers fills these with random numbers and goes on
        raise Damage(f"backbone {name}: {folder} lacks {len(absent)} weights of a CLIP, for example {absent[0]}")
    preprocessing = read_preprocessing(folder / "preprocessor_config.json")
    return ClipBackbone(clip, tokenizer, preprocessing, name=name, family=family, weights_sha256=weights_sha256)


def read_preprocessing(path: Path) -> Preprocessing:
    """Sizes, mean and deviation from a published preprocessor_config.json, in its older and newer form.

    Raises:
        Damage: the file is missing or lacks one of them.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        size, crop = content["size"], content["crop_size"]
        return Preprocessing(
            resize=int(size["shortest_edge"] if isinstance(size, dict) else size),
            crop=int(crop["height"] if isinstance(crop, dict) else crop),
            mean=tuple(map(float, content["image_mean"])),
            std=tuple(map(float, content["image_std"])),
            resample=int(content.get("resample", 3)),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damage(f"{path}: cannot be read as a preprocessing configuration ({error})") from None

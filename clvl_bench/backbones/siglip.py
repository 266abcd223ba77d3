"""SigLIP and SigLIP 2 as transformers holds them (Zhai et al. 2023, Sigmoid loss for language image
pre-training, arXiv:2303.15343; Tschannen et al. 2025, arXiv:2502.14786).

Differs from CLIP in what a backbone must know: the text tower sees in both directions, was trained
on texts padded to the whole context without a mask, and pools the last place, padding or not; there
is no start of text; images are pooled by a learned probe, without a projection; logits have a bias;
images are squashed to a square. The second differs from the first in its tokenizer alone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from clvl_bench.backbones.base import TowerBackbone, Towers
from clvl_bench.backbones.folders import read_json
from clvl_bench.backbones.padding import padded
from clvl_bench.backbones.preprocessing import Preprocessing, as_bytes, read_preprocessing
from clvl_bench.backbones.weights import read_model, read_tokenizer
from clvl_bench.core.errors import Mistake

TOKENIZER_CONFIG = "tokenizer_config.json"
OF_GEMMA = ("GemmaTokenizer", "GemmaTokenizerFast", "Siglip2Tokenizer")
"""What SigLIP 2 calls its tokenizer. Its published files name Gemma's, which keeps capitals; it was
trained on lower case, which transformers' `Siglip2Tokenizer` makes of the same files."""
FILES = ("model.safetensors", "pytorch_model.bin")
"""The weights, in the order in which transformers looks for them."""


class SiglipTowers(Towers):
    """The towers of a transformers `SiglipModel`, without its logit scale and bias, which are never
    trained.
    """

    image_parts = ("vision_model",)
    query_and_value = {
        "image": r"vision_model\..*\.(q_proj|v_proj)",
        "text": r"text_model\..*\.(q_proj|v_proj)",
    }
    mean: Tensor
    std: Tensor

    def __init__(
        self, siglip: Any, *, pad: int, mean: Sequence[float], std: Sequence[float]
    ) -> None:
        super().__init__()
        self.vision_model = siglip.vision_model
        self.text_model = siglip.text_model
        self._context = int(siglip.config.text_config.max_position_embeddings)
        self._pad = pad
        self.register_buffer("mean", as_bytes(mean), persistent=False)
        self.register_buffer("std", as_bytes(std), persistent=False)

    def image(self, pixels: Tensor) -> Tensor:
        return self.patches(pixels)[1]

    def patches(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        seen = self.vision_model(pixel_values=(pixels.to(self.mean.dtype) - self.mean) / self.std)
        return seen.last_hidden_state, seen.pooler_output  # normed already; there is no projection

    def embed(self, ids: Tensor) -> Tensor:
        embeddings: Tensor = self.text_model.embeddings.token_embedding(ids)
        return embeddings

    def text(self, embeddings: Tensor, ends: Tensor) -> Tensor:
        pad = self.embed(ends.new_tensor([self._pad]))[0]
        whole = padded(embeddings, ends, pad, self._context)
        hidden = self.text_model.embeddings(inputs_embeds=whole)
        hidden = self.text_model.encoder(inputs_embeds=hidden).last_hidden_state
        features: Tensor = self.text_model.head(self.text_model.final_layer_norm(hidden)[:, -1])
        return features


class SiglipBackbone(TowerBackbone):
    """A frozen SigLIP with its tokenizer."""

    def __init__(
        self, siglip: Any, tokenizer: Any, preprocessing: Preprocessing, **identity: Any
    ) -> None:
        self._tokenizer = tokenizer
        towers = SiglipTowers(
            siglip, pad=tokenizer.pad_token_id, mean=preprocessing.mean, std=preprocessing.std
        )
        super().__init__(
            towers=towers,
            logit_scale=float(siglip.logit_scale.detach().float().exp()),
            logit_bias=float(siglip.logit_bias.detach().float()),
            preprocessing=preprocessing,
            context_length=int(siglip.config.text_config.max_position_embeddings),
            **identity,
        )

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        ids: list[list[int]] = self._tokenizer(list(texts), verbose=False)["input_ids"]
        return ids


def load(folder: Path, **identity: Any) -> SiglipBackbone:
    """A SigLIP from a folder in transformers' layout. Nothing in it is executed, and no socket is
    opened.

    Raises:
        Mistake: the package that its tokenizer needs is not installed.
        Damage: a file of the folder cannot be read.
    """
    from transformers import SiglipModel

    kind = _tokenizer_kind(folder, identity["name"])
    siglip = read_model(SiglipModel, folder, "SigLIP", identity["name"])
    rows = siglip.config.text_config.vocab_size
    tokenizer = read_tokenizer(kind, folder, "SigLIP", identity["name"], rows=rows)
    preprocessing = read_preprocessing(folder / "preprocessor_config.json")
    return SiglipBackbone(siglip, tokenizer, preprocessing, **identity)


def _tokenizer_kind(folder: Path, name: str) -> Any:
    """transformers' class of the tokenizer in a folder: Gemma's of the second, sentence pieces of
    the first.

    Raises:
        Mistake: the first needs a package that is not installed.
    """
    config = folder / TOKENIZER_CONFIG
    if config.is_file() and read_json(config).get("tokenizer_class") in OF_GEMMA:
        from transformers import Siglip2Tokenizer

        return Siglip2Tokenizer
    try:
        import sentencepiece  # noqa: F401 (transformers says only that a name is missing)
    except ImportError:
        raise Mistake(
            f"backbone {name}: SigLIP's tokenizer needs sentencepiece; run: pip install "
            f"'clvl_bench[siglip]'"
        ) from None
    from transformers import SiglipTokenizer

    return SiglipTokenizer

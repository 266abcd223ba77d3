"""Whatever open_clip builds and transformers does not: BiomedCLIP with its BERT text tower,
MobileCLIP with its convolutions.

A folder holds open_clip_config.json and the weights, as such models are published on the hub.
Nothing but tensors is read from it, and no socket is opened: where a text tower is a BERT of
somebody else's, its shape is taken from the weights and not from the hub. Plain ViT models
(RemoteCLIP, GeoRSCLIP, LAION) are better imported once, see `importing`.
"""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import TowerBackbone, Towers
from clvl_bench.backbones.padding import padded
from clvl_bench.backbones.preprocessing import Preprocessing, as_bytes
from clvl_bench.backbones.weights import first_line, read_tensors, read_tokenizer
from clvl_bench.core.errors import Damage, Mistake
from clvl_bench.core.files import parse_json

CONFIG = "open_clip_config.json"
FILES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
    "model.safetensors",
    "pytorch_model.bin",
)
"""The weights, by the names under which open_clip publishes them first."""
BERT_HEAD = 64
"""Width of an attention head of every published BERT."""
_RESAMPLE = {"bicubic": 3, "bilinear": 2}


def open_clip() -> Any:
    """The package open_clip.

    Raises:
        Mistake: it is not installed.
    """
    try:
        import open_clip as package
    except ImportError as error:
        raise Mistake(
            f"open_clip is not installed ({first_line(error)}); run: pip install "
            f"'clvl_bench[open-clip]'"
        ) from None
    return package


class Words(nn.Module):
    """A text tower of open_clip's, known only from outside: it reads token ids, padded to its whole
    context.
    """

    reads_embeddings = False

    def __init__(self, tower: Any, *, context: int, pad: int) -> None:
        super().__init__()
        self.tower = tower
        self._context = context
        self._pad = pad

    def embed(self, ids: Tensor) -> Tensor:
        raise NotImplementedError

    def text(self, embeddings: Tensor, ends: Tensor) -> Tensor:
        raise NotImplementedError

    def sentences(self, ids: Tensor, ends: Tensor) -> Tensor:
        whole = ids.new_full((len(ids), self._context), self._pad)
        inside = torch.arange(ids.shape[1], device=ids.device) <= ends[:, None]
        whole[:, : ids.shape[1]] = torch.where(inside, ids, self._pad)
        features: Tensor = self.tower(whole)
        return features


class TransformerWords(Words):
    """open_clip's own transformer, causal or not, without a token of its own at the end."""

    reads_embeddings = True

    def embed(self, ids: Tensor) -> Tensor:
        embeddings: Tensor = self.tower.token_embedding(ids)
        return embeddings

    def text(self, embeddings: Tensor, ends: Tensor) -> Tensor:
        tower = self.tower
        mask = tower.attn_mask
        # Without a mask the tower sees what stands behind the end, and with "last" it pools it.
        if mask is None or tower.pool_type == "last":
            pad = tower.token_embedding.weight[self._pad]
            embeddings = padded(embeddings, ends, pad, self._context)
        length = embeddings.shape[1]
        if mask is not None:
            mask = mask[:length, :length]
        hidden = embeddings + tower.positional_embedding[:length]
        hidden = tower.ln_final(tower.transformer(hidden, attn_mask=mask))
        pooled = self._pooled(hidden, ends)
        projection = tower.text_projection
        if projection is None:
            return pooled
        features: Tensor = (
            projection(pooled) if isinstance(projection, nn.Linear) else pooled @ projection
        )
        return features

    def _pooled(self, hidden: Tensor, ends: Tensor) -> Tensor:
        """The one token of each row [rows, width] that stands for the text."""
        if self.tower.pool_type == "first":
            return hidden[:, 0]
        if self.tower.pool_type == "last":
            return hidden[:, -1]
        rows = torch.arange(len(hidden), device=hidden.device)
        return hidden[rows, ends]

    def sentences(self, ids: Tensor, ends: Tensor) -> Tensor:
        return self.text(self.embed(ids), ends)


class BertWords(TransformerWords):
    """A BERT in both directions, which does not see what stands behind the end."""

    def embed(self, ids: Tensor) -> Tensor:
        embeddings: Tensor = self.tower.transformer.embeddings.word_embeddings(ids)
        return embeddings

    def text(self, embeddings: Tensor, ends: Tensor) -> Tensor:
        seen = (torch.arange(embeddings.shape[1], device=ends.device) <= ends[:, None]).long()
        hidden = self.tower.transformer(inputs_embeds=embeddings, attention_mask=seen)
        features: Tensor = self.tower.proj(self.tower.pooler(hidden, seen))
        return features


class OpenClipTowers(Towers):
    """The towers of an open_clip model, without its logit scale and bias, which are never
    trained.
    """

    image_parts = ("visual",)
    mean: Tensor
    std: Tensor

    def __init__(
        self, visual: Any, words: Words, *, mean: Sequence[float], std: Sequence[float]
    ) -> None:
        super().__init__()
        self.visual = visual
        self.words = words
        self.reads_embeddings = words.reads_embeddings
        found: dict[Any, str] = {}
        # A ViT of timm's: query, key and value are one projection.
        if hasattr(getattr(visual, "trunk", None), "blocks"):
            found["image"] = r"visual\.trunk\.blocks\..*\.qkv"
        if isinstance(words, BertWords):
            found["text"] = r"words\..*\.(query|value)"
        self.query_and_value = found
        self.register_buffer("mean", as_bytes(mean), persistent=False)
        self.register_buffer("std", as_bytes(std), persistent=False)

    def image(self, pixels: Tensor) -> Tensor:
        features: Tensor = self.visual(self._normal(pixels))
        return features

    def patches(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        visual = self.visual
        normal = self._normal(pixels)
        if not hasattr(visual, "trunk"):
            seen = visual.forward_intermediates(
                normal, indices=1, normalize_intermediates=True, output_fmt="NLC"
            )
            return seen["image_intermediates"][-1] @ visual.proj, seen["image_features"]
        features = visual.trunk.forward_features(normal)

        def pooled(features: Tensor) -> Tensor:
            projected: Tensor = visual.head(visual.trunk.forward_head(features))
            return projected

        # Each patch is pooled alone, as if it were all of the image.
        if features.ndim == 4:
            alone = features.permute(0, 2, 3, 1).flatten(0, 2)[:, :, None, None]
        else:
            alone = features[:, visual.trunk.num_prefix_tokens :].flatten(0, 1)[:, None]
        return pooled(alone).unflatten(0, (len(features), -1)), pooled(features)

    def embed(self, ids: Tensor) -> Tensor:
        return self.words.embed(ids)

    def text(self, embeddings: Tensor, ends: Tensor) -> Tensor:
        return self.words.text(embeddings, ends)

    def sentences(self, ids: Tensor, ends: Tensor) -> Tensor:
        return self.words.sentences(ids, ends)

    def _normal(self, pixels: Tensor) -> Tensor:
        return (pixels.to(self.mean.dtype) - self.mean) / self.std


class OpenClipBackbone(TowerBackbone):
    """A frozen model of open_clip's with its tokenizer, which gives ids and the end of each
    text.
    """

    def __init__(
        self,
        towers: OpenClipTowers,
        token_ids: Callable[[Sequence[str]], list[list[int]]],
        **identity: Any,
    ) -> None:
        self._token_ids = token_ids
        super().__init__(towers=towers, **identity)

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        return self._token_ids(texts)


def load(folder: Path, **identity: Any) -> OpenClipBackbone:
    """A model from a folder in open_clip's layout on the hub.

    Raises:
        Mistake: open_clip is not installed.
        Damage: a file of the folder cannot be read, or the weights are not those of its
            configuration.
    """
    open_clip()
    name = identity["name"]
    try:
        content = parse_json((folder / CONFIG).read_bytes())
        config = content["model_cfg"]
        pixels = content.get("preprocess_cfg", {})
        context = int(config["text_cfg"].get("context_length", 77))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damage(
            f"backbone {name}: {folder / CONFIG} cannot be read ({first_line(error)})"
        ) from None
    file = next(folder / file for file in FILES if (folder / file).is_file())
    tensors = {_open_clips(name): tensor for name, tensor in read_tensors(file).items()}
    model = build(config, tensors, name=name)
    rows = _rows_of_words(tensors)
    token_ids, pad = _tokenizer(config["text_cfg"], folder, name, rows=rows)
    preprocessing = _preprocessing(config["vision_cfg"], pixels, folder)
    words = _kind_of_words(model.text)(model.text, context=context, pad=pad)
    bias = getattr(model, "logit_bias", None)
    return OpenClipBackbone(
        OpenClipTowers(model.visual, words, mean=preprocessing.mean, std=preprocessing.std),
        token_ids,
        logit_scale=float(model.logit_scale.detach().float().exp()),
        logit_bias=0.0 if bias is None else float(bias.detach().float()),
        preprocessing=preprocessing,
        context_length=context,
        **identity,
    )


def _open_clips(name: str) -> str:
    """The name that open_clip has for a tensor: UniMed-CLIP's release calls the text tower
    `text_encoder`.
    """
    return name.replace("text_encoder.", "text.", 1) if name.startswith("text_encoder.") else name


def build(config: Mapping[str, Any], tensors: Mapping[str, Tensor], *, name: str) -> Any:
    """open_clip's model of a configuration, its weights from the tensors and from nowhere else;
    text apart, in `.text`.

    Raises:
        Damage: tensors and configuration do not fit.
    """
    from open_clip.model import CustomTextCLIP, convert_to_custom_text_state_dict

    settings = dict(config)
    settings.pop("custom_text", None)
    settings.pop("multimodal_cfg", None)
    settings["vision_cfg"] = {**config["vision_cfg"], "timm_model_pretrained": False}
    text = {**config["text_cfg"], "hf_model_pretrained": False}
    settings["text_cfg"] = text
    try:
        with tempfile.TemporaryDirectory() as bert:
            # open_clip would ask the hub for the shape of a named BERT: it is given a folder.
            if "hf_model_name" in text:
                shape = json.dumps(_bert_config(tensors))
                (Path(bert) / "config.json").write_text(shape, encoding="utf-8")
                text["hf_model_name"] = bert
            model = CustomTextCLIP(**settings)
        weights = convert_to_custom_text_state_dict(dict(tensors))
        # A count, which older transformers wrote out.
        weights.pop("text.transformer.embeddings.position_ids", None)
        model.load_state_dict(weights)
    except (RuntimeError, KeyError, TypeError, ValueError, AssertionError) as error:
        raise Damage(
            f"backbone {name}: its weights are not those of its configuration ({first_line(error)})"
        ) from None
    return model.float().eval()


def _bert_config(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """The configuration of the BERT whose weights these are."""
    inside = "text.transformer."
    words = tensors[f"{inside}embeddings.word_embeddings.weight"]
    layers = {key.split(".")[4] for key in tensors if key.startswith(f"{inside}encoder.layer.")}
    return {
        "model_type": "bert",
        "vocab_size": len(words),
        "hidden_size": words.shape[1],
        "num_hidden_layers": len(layers),
        "num_attention_heads": words.shape[1] // BERT_HEAD,
        "intermediate_size": len(tensors[f"{inside}encoder.layer.0.intermediate.dense.weight"]),
        "max_position_embeddings": len(tensors[f"{inside}embeddings.position_embeddings.weight"]),
        "type_vocab_size": len(tensors[f"{inside}embeddings.token_type_embeddings.weight"]),
    }


def _kind_of_words(tower: Any) -> type[Words]:
    if getattr(getattr(tower, "config", None), "model_type", None) == "bert":
        return BertWords
    plain = hasattr(tower, "token_embedding") and tower.cls_emb is None and not tower.use_pad_mask
    return TransformerWords if plain else Words


def _rows_of_words(tensors: Mapping[str, Tensor]) -> int | None:
    """How many words the text tower has embeddings of; None where it calls them otherwise."""
    for name, tensor in tensors.items():
        if name.endswith(("word_embeddings.weight", "token_embedding.weight")):
            return len(tensor)
    return None


def _tokenizer(
    text: Mapping[str, Any], folder: Path, name: str, *, rows: int | None
) -> tuple[Callable[[Sequence[str]], list[list[int]]], int]:
    """The function that makes ids of texts, start and end included; and the id that pads a text."""
    if "hf_tokenizer_name" not in text:
        clip = open_clip().SimpleTokenizer()

        def of_clip(texts: Sequence[str]) -> list[list[int]]:
            return [[clip.sot_token_id, *clip.encode(text), clip.eot_token_id] for text in texts]

        return of_clip, 0
    from transformers import AutoTokenizer

    tokenizer = read_tokenizer(AutoTokenizer, folder, "tokenizer", name, rows=rows)
    clean = _cleaning(text, folder)

    def of_folder(texts: Sequence[str]) -> list[list[int]]:
        ids: list[list[int]] = tokenizer([clean(text) for text in texts], verbose=False)[
            "input_ids"
        ]
        return ids

    return of_folder, int(tokenizer.pad_token_id)


def _cleaning(text: Mapping[str, Any], folder: Path) -> Callable[[str], str]:
    """What is done to a text before it is cut into tokens: spaces made one, or as SigLIP has it,
    lower case without punctuation.

    Raises:
        Damage: the configuration asks for something else.
    """
    asked = dict(text.get("tokenizer_kwargs") or {})
    clean = asked.pop("clean", "whitespace")
    if asked or clean not in ("whitespace", "canonicalize"):
        raise Damage(
            f"{folder / CONFIG}: got tokenizer_kwargs {text['tokenizer_kwargs']}; read is clean, "
            f"as 'whitespace' or 'canonicalize'"
        )
    made: Callable[[str], str] = open_clip().tokenizer.get_clean_fn(clean)
    return made


def _preprocessing(
    vision: Mapping[str, Any], pixels: Mapping[str, Any], folder: Path
) -> Preprocessing:
    package = open_clip()
    size = pixels.get("size", vision.get("image_size", 224))
    size = int(size[0] if isinstance(size, list) else size)
    mode = pixels.get("resize_mode", "shortest")
    interpolation = pixels.get("interpolation", "bicubic")
    if mode not in ("shortest", "squash") or interpolation not in _RESAMPLE:
        raise Damage(
            f"{folder / CONFIG}: got resize_mode '{mode}', interpolation '{interpolation}'; "
            f"neither is read otherwise"
        )
    return Preprocessing(
        resize=size,
        crop=size,
        mean=tuple(pixels.get("mean", package.OPENAI_DATASET_MEAN)),
        std=tuple(pixels.get("std", package.OPENAI_DATASET_STD)),
        resample=_RESAMPLE[interpolation],
        squash=mode == "squash",
    )

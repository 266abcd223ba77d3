"""photo: a small real model assembled from public parts; not CLIP. Its towers never saw a picture
together with its caption.

The image tower is EfficientNet-Lite0, an ImageNet classifier; the text tower is all-MiniLM-L6-v2, a
sentence encoder (Reimers and Gurevych 2019, arXiv:1908.10084). The classifier has one row of
weights a class, the sentence encoder reads the names of these classes, and so the 1,000 classes are
anchors that both towers know. A sentence becomes a mixture of the rows of the classes whose names
are near to it: one frozen attention, without anything learned (after DeViSE, Frome et al. 2013, and
ConSE, Norouzi et al. 2014, arXiv:1312.5650, which mix the other way round).
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from clvl_bench.backbones.base import TowerBackbone, Towers, l2_normalize
from clvl_bench.backbones.catalog import LITE0
from clvl_bench.backbones.efficientnet_lite import EfficientNetLite
from clvl_bench.backbones.folders import path_of
from clvl_bench.backbones.kept import load_or_encode_texts
from clvl_bench.backbones.preprocessing import Preprocessing, as_bytes, read_preprocessing
from clvl_bench.backbones.tokens import padded_rows, within
from clvl_bench.backbones.weights import first_line, read_model, read_tensors, read_tokenizer
from clvl_bench.core.errors import Damage
from clvl_bench.data.catalog.prompts import prompts_of

FILES = ("model.safetensors",)
"""The weights of the text tower; those of the image tower lie beside it or in their package."""
PIXELS = Preprocessing(resize=224, crop=224, mean=(127 / 255,) * 3, std=(128 / 255,) * 3)
"""What the image tower was published to see, where no preprocessor_config.json says otherwise.
Smaller pictures, CIFAR's 32 pixels among them, are enlarged.
"""
CONTEXT = 256
"""Tokens that the sentence encoder was published to read; its positions allow for 512."""
TEMPERATURE = 0.1
"""From 0.03 to 0.15 the accuracy on CIFAR-100's training part moves by three points; this was fixed
before any domain was looked at.
"""
LOGIT_SCALE = 30.0
"""Of 10, 20, 30, 40, 50, 70 and 100 the one under which the labels of CIFAR-100's training part are
most likely. It moves no zero-shot accuracy; what trains sees it.
"""


class Anchors(nn.Module):
    """softmax(cos(s - m, t_c - m) / temperature) @ (W_c - mean W), of length one.

    Both sides are centred: all sentences share a direction, and so do all classes, and neither
    tells classes apart.

    Args:
        names: text features t_c of the class names [classes, text width]; m is their mean.
        rows: the classifier's weights W_c [classes, image width].
    """

    center: Tensor
    keys: Tensor
    values: Tensor

    def __init__(self, names: Tensor, rows: Tensor, *, temperature: float = TEMPERATURE) -> None:
        super().__init__()
        self.temperature = temperature
        center = names.mean(dim=0)
        # Made anew from the parts whenever they are loaded, so no checkpoint needs them.
        self.register_buffer("center", center, persistent=False)
        self.register_buffer("keys", l2_normalize(names - center), persistent=False)
        self.register_buffer("values", rows - rows.mean(dim=0), persistent=False)

    def forward(self, sentences: Tensor) -> Tensor:
        """Features [texts, image width] of text features [texts, text width]."""
        cosines = l2_normalize(sentences - self.center) @ self.keys.T
        return l2_normalize((cosines / self.temperature).softmax(dim=-1) @ self.values)


class PhotoTowers(Towers):
    """The two towers, and the anchors that join them: these stay as they are when the towers
    train.
    """

    image_parts = ("convolutions",)
    query_and_value = {"text": r"bert\..*\.self\.(query|value)"}
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        convolutions: EfficientNetLite,
        bert: Any,
        anchors: Anchors,
        *,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        super().__init__()
        self.convolutions = convolutions
        self.bert = bert
        self.anchors = anchors
        self.register_buffer("mean", as_bytes(mean), persistent=False)
        self.register_buffer("std", as_bytes(std), persistent=False)

    def image(self, pixels: Tensor) -> Tensor:
        return self._map(pixels).mean(dim=(2, 3))

    def patches(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        features = self._map(pixels)
        # There is no projection behind the mean: places are in the space of the texts already.
        return features.flatten(2).transpose(1, 2), features.mean(dim=(2, 3))

    def embed(self, ids: Tensor) -> Tensor:
        return words(self.bert, ids)

    def text(self, embeddings: Tensor, ends: Tensor) -> Tensor:
        features: Tensor = self.anchors(sentences(self.bert, embeddings, ends))
        return features

    def _map(self, pixels: Tensor) -> Tensor:
        features: Tensor = self.convolutions((pixels.to(self.mean.dtype) - self.mean) / self.std)
        return features


def words(bert: Any, ids: Tensor) -> Tensor:
    """Embeddings [texts, length, text width] of token ids."""
    embeddings: Tensor = bert.embeddings.word_embeddings(ids)
    return embeddings


def sentences(bert: Any, embeddings: Tensor, ends: Tensor) -> Tensor:
    """What the sentence encoder says [texts, text width], of length one: the mean of all tokens up
    to the end, the start and the end included.
    """
    places = torch.arange(embeddings.shape[1], device=ends.device)
    seen = places <= ends[:, None]
    hidden = bert(inputs_embeds=embeddings, attention_mask=seen.long()).last_hidden_state
    total = hidden.masked_fill(~seen[..., None], 0.0).sum(dim=1)
    return l2_normalize(total / (ends[:, None] + 1))


class PhotoBackbone(TowerBackbone):
    """The frozen model with the tokenizer of its text tower."""

    def __init__(
        self,
        towers: PhotoTowers,
        tokenizer: Any,
        preprocessing: Preprocessing,
        **identity: Any,
    ) -> None:
        self._tokenizer = tokenizer
        super().__init__(
            towers=towers,
            logit_scale=LOGIT_SCALE,
            preprocessing=preprocessing,
            context_length=context_of(towers.bert),
            **identity,
        )

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        return ids_of(texts, self._tokenizer)


def ids_of(texts: Sequence[str], tokenizer: Any) -> list[list[int]]:
    """Token ids of each text with its start and end, however long it is."""
    ids: list[list[int]] = tokenizer(list(texts), verbose=False)["input_ids"]
    return ids


def context_of(bert: Any) -> int:
    """How many tokens the sentence encoder reads."""
    return min(CONTEXT, int(bert.config.max_position_embeddings))


def load(folder: Path, **identity: Any) -> PhotoBackbone:
    """The model from the text tower's folder, as sentence-transformers publishes it; the image
    tower's weights lie beside it, or in their installed package. Nothing in them is executed, and
    no socket is opened.

    Raises:
        Damage: a file cannot be read, or is not what was declared.
    """
    from transformers import BertModel, BertTokenizer

    name = identity["name"]
    bert = _without_dropout(read_model(BertModel, folder, "BERT", name))
    rows = bert.config.vocab_size
    tokenizer = read_tokenizer(BertTokenizer, folder, "BERT", name, rows=rows)
    pixels = folder / "preprocessor_config.json"
    preprocessing = read_preprocessing(pixels) if pixels.is_file() else PIXELS
    path = path_of(folder, LITE0)
    classifier = read_tensors(path)
    try:
        convolutions = EfficientNetLite(classifier)
        rows_of_classes = classifier["_fc.weight"].float()
    except (KeyError, RuntimeError) as error:
        raise Damage(
            f"backbone {name}: {path} holds no EfficientNet-Lite0 ({first_line(error)})"
        ) from None
    names = _names(len(rows_of_classes), path)
    # Kept under the hash of all files: a run that finds them does not call the text tower.
    features = load_or_encode_texts(
        "anchors",
        repr((identity["files_sha256"], context_of(bert), names)),
        len(names),
        partial(_encoded, names, bert, tokenizer),
        reader=name,
    )
    anchors = Anchors(features, rows_of_classes)
    towers = PhotoTowers(
        convolutions, bert, anchors, mean=preprocessing.mean, std=preprocessing.std
    )
    return PhotoBackbone(towers, tokenizer, preprocessing, **identity)


def _without_dropout(bert: Any) -> Any:
    """The same, as the other text towers are: what trains sees the features that are tested. Its
    pooler goes, too: it belongs to a task that the sentence encoder was not trained for.
    """
    bert.pooler = None
    for module in bert.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return bert


def _names(count: int, path: Path) -> list[str]:
    """The names of a classifier's classes, which count by their WordNet ids.

    Raises:
        Damage: it has another number of classes.
    """
    names = list(prompts_of("clip_benchmark", "imagenet").classes.values())
    if count != len(names):
        raise Damage(f"{path}: got {count} classes, ImageNet's names are {len(names)}")
    return names


@torch.no_grad()
def _encoded(names: Sequence[str], bert: Any, tokenizer: Any) -> Tensor:
    """Text features [names, text width] of class names."""
    ids = [within(of_name, context_of(bert)) for of_name in ids_of(names, tokenizer)]
    tokens = padded_rows(ids, bert.device)
    # Names of a length go through together, so that few places are padding: twice as fast.
    order = tokens.ends.argsort(stable=True)
    features = torch.cat(
        [sentences(bert, words(bert, chunk.ids), chunk.ends) for chunk in tokens[order].chunks()]
    )
    return features[order.argsort()]

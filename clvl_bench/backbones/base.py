"""Backbone: a vision-language model, frozen, with everything that turns pixels and words into features.

Its towers are a module of their own, so that an adapter which trains them copies just that; the backbone itself never
changes, and row 0 of every table is what it says.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from clvl_bench.backbones.preprocessing import Preprocessing
from clvl_bench.datasets import Candidate
from clvl_bench.errors import Mistake

TEXT_CHUNK = 256
"""Sentences that go through the text tower together."""


@dataclass(frozen=True)
class Tokens:
    """Token ids [rows, length], cut behind the last end of text, and the place of each row's first end of text [rows]."""

    ids: Tensor
    ends: Tensor

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, start: int, stop: int) -> "Tokens":
        """Some rows, cut anew: the text tower is causal, so nothing behind the last end of text matters."""
        return self[slice(start, stop)]

    def __getitem__(self, which: slice | Tensor) -> "Tokens":
        """The same, by a slice or by places [n]."""
        ends = self.ends[which]
        return Tokens(self.ids[which][:, : int(ends.max()) + 1], ends)

    def chunks(self) -> "list[Tokens]":
        """All rows, in parts of as many sentences as go through a text tower together."""
        return [self.rows(start, start + TEXT_CHUNK) for start in range(0, len(self), TEXT_CHUNK)]


class Towers(nn.Module, ABC):
    """The image tower and the text tower, the latter in two halves so that learned embeddings can enter between them."""

    @abstractmethod
    def image(self, pixels: Tensor) -> Tensor:
        """Projected image features [batch, width], not normalised, from uint8 pixels [batch, 3, height, width]."""

    @abstractmethod
    def embed(self, ids: Tensor) -> Tensor:
        """Token embeddings [rows, length, token width], positions not added."""

    @abstractmethod
    def text(self, embeddings: Tensor, ends: Tensor) -> Tensor:
        """Projected text features [rows, width], not normalised, pooled at `ends` [rows]."""

    def text_after(self, beginnings: Tensor, rests: Tensor, ends: Tensor) -> Tensor:
        """Features [beginnings, rests, width] of every beginning followed by every rest, as `text` gives them.

        Args:
            beginnings: embeddings [beginnings, length, token width], start of text included.
            rests: embeddings [rests, length, token width].
            ends: each rest's end of text [rests], counted within the rest.
        """
        count, number = len(beginnings), len(rests)
        before = beginnings[:, None].expand(-1, number, -1, -1)
        sentences = torch.cat([before, rests.expand(count, -1, -1, -1)], dim=2).flatten(0, 1)
        return self.text(sentences, (ends + beginnings.shape[1]).repeat(count)).view(count, number, -1)


class Backbone(ABC):
    """What adapters may ask of a vision-language model."""

    name: str
    family: str
    weights_sha256: str
    logit_scale: float
    width: int

    @abstractmethod
    def class_features(self, candidates: Sequence[Candidate], *, templates: int | None = None) -> Tensor:
        """Unit text feature of each class [classes, width]: mean of the unit features of its prompts, made a unit again.

        With `templates` only that many of each class's templates. A class without text is NaN.
        """


class TowerBackbone(Backbone):
    """A backbone that has its towers here; its text tower reads `context_length` tokens, start and end included."""

    def __init__(
        self,
        *,
        name: str,
        family: str,
        weights_sha256: str,
        towers: Towers,
        logit_scale: float,
        preprocessing: Preprocessing,
        context_length: int,
    ) -> None:
        self.name, self.family, self.weights_sha256 = name, family, weights_sha256
        self.towers = towers.eval().requires_grad_(False)
        self.logit_scale, self.preprocessing, self.context_length = logit_scale, preprocessing, context_length
        self.images_encoded = 0
        self._class_features: dict[tuple[str, ...], Tensor] = {}
        probe = self.tokenise(["a"])
        with torch.no_grad():
            embeddings = self.towers.embed(probe.ids)
            self.token_width = embeddings.shape[-1]
            self.width = self.towers.text(embeddings, probe.ends).shape[-1]

    @property
    def device(self) -> torch.device:
        return next(self.towers.parameters()).device

    @abstractmethod
    def tokenise(self, texts: Sequence[str]) -> Tokens:
        """Token ids with start and end of text, truncated to the context length."""

    @torch.no_grad()
    def image_features(self, pixels: Tensor) -> Tensor:
        """Projected image features [batch, width], not normalised. Counted: frozen towers should see an image once."""
        self.images_encoded += len(pixels)
        features: Tensor = self.towers.image(pixels.to(self.device)).float()
        return features

    @torch.no_grad()
    def text_features(self, texts: Sequence[str]) -> Tensor:
        """Projected text features [texts, width], not normalised; each distinct sentence is encoded once."""
        places = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        features = sentence_features(self.towers, self.tokenise(list(places))).float()
        return features if len(places) == len(texts) else features[[places[text] for text in texts]]

    def class_features(self, candidates: Sequence[Candidate], *, templates: int | None = None) -> Tensor:
        prompts = [candidate.prompts[:templates] for candidate in candidates]
        new = [group for group in dict.fromkeys(prompts) if group not in self._class_features]
        if new:
            features = unit(self.text_features([text for group in new for text in group]))
            for group, part in zip(new, features.split([len(group) for group in new]), strict=True):
                self._class_features[group] = unit(part.mean(dim=0))
        return torch.stack([self._class_features[group] for group in prompts])


def sentence_features(towers: Towers, tokens: Tokens) -> Tensor:
    """Projected text features [rows, width] of sentences, not normalised."""
    return torch.cat([towers.text(towers.embed(chunk.ids), chunk.ends) for chunk in tokens.chunks()])


def unit(features: Tensor) -> Tensor:
    """Rows of length one."""
    normalised: Tensor = features / features.norm(dim=-1, keepdim=True)
    return normalised


def with_towers(backbone: Backbone, *, wanted_by: str) -> TowerBackbone:
    """The backbone, if it has towers.

    Raises:
        Mistake: it has only precomputed features.
    """
    if isinstance(backbone, TowerBackbone):
        return backbone
    raise Mistake(
        f"{wanted_by} needs the text or image tower of a backbone, but these data are precomputed features; "
        "use a strategy whose adapter reads features alone, for example zeroshot"
    )


def with_texts(backbone: Backbone, table: Sequence[Candidate], *, wanted_by: str) -> Backbone:
    """The backbone, if it knows the text of every class.

    Raises:
        Mistake: it has precomputed features without text.
    """
    silent = [
        candidate.name
        for candidate, text in zip(table, backbone.class_features(table), strict=True)
        if not bool(torch.isfinite(text).all())
    ]
    if silent:
        raise Mistake(
            f"{wanted_by} compares images with class texts, but {len(silent)} of {len(table)} classes have none, for example "
            f"'{silent[0]}'; declare text features (text = ...), or use a strategy that needs none, for example slda"
        )
    return backbone

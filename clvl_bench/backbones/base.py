"""Backbone: a vision-language model, frozen, with everything that turns pixels and words into features.

Its towers are a module of their own, so that an adapter which trains them copies just that; the backbone itself never
changes, and row 0 of every table is what it says.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

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
        ends = self.ends[start:stop]
        return Tokens(self.ids[start:stop, : int(ends.max()) + 1], ends)


class Towers(nn.Module, ABC):
    """The image tower and the text tower, the latter in two halves so that learned embeddings can enter between them."""

    @abstractmethod
    def image(self, pixels: Tensor) -> Tensor:
        """Projected image features [batch, width], not normalised, from uint8 pixels [batch, 3, height, width]."""

    def patches(self, pixels: Tensor) -> Tensor:
        """Every token of the image in the joint space [batch, tokens, width]; the first is `image`'s.

        Raises:
            Mistake: these towers have no such tokens.
        """
        raise Mistake("this backbone offers no patch tokens; use a strategy that reads whole images, or a CLIP")

    @abstractmethod
    def embed(self, ids: Tensor) -> Tensor:
        """Token embeddings [rows, length, token width], positions not added."""

    @abstractmethod
    def text(self, embeddings: Tensor, ends: Tensor) -> Tensor:
        """Projected text features [rows, width], not normalised, pooled at `ends` [rows]."""


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
    """A backbone that has its towers here."""

    def __init__(
        self,
        *,
        name: str,
        family: str,
        weights_sha256: str,
        towers: Towers,
        logit_scale: float,
        preprocessing: Preprocessing,
    ) -> None:
        self.name, self.family, self.weights_sha256 = name, family, weights_sha256
        self.towers = towers.eval().requires_grad_(False)
        self.logit_scale, self.preprocessing = logit_scale, preprocessing
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

    @property
    @abstractmethod
    def context_length(self) -> int:
        """The most tokens of a sentence, its start and end among them."""

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
    def patch_features(self, pixels: Tensor) -> Tensor:
        """Tokens of images in the joint space [batch, tokens, width], not normalised, in half precision."""
        self.images_encoded += len(pixels)
        return self.towers.patches(pixels.to(self.device)).half()

    @cached_property
    def patch_tokens(self) -> int:
        """How many tokens an image has, the pooled one among them."""
        side = self.preprocessing.crop
        with torch.no_grad():
            return int(self.towers.patches(torch.zeros(1, 3, side, side, dtype=torch.uint8, device=self.device)).shape[1])

    @torch.no_grad()
    def text_features(self, texts: Sequence[str]) -> Tensor:
        """Projected text features [texts, width], not normalised; each distinct sentence is encoded once."""
        distinct = list(dict.fromkeys(texts))
        tokens = self.tokenise(distinct)
        chunks = []
        for start in range(0, len(distinct), TEXT_CHUNK):
            part = tokens.rows(start, start + TEXT_CHUNK)
            chunks.append(self.towers.text(self.towers.embed(part.ids), part.ends).float())
        features = torch.cat(chunks)
        return features if len(distinct) == len(texts) else features[[distinct.index(text) for text in texts]]

    def class_features(self, candidates: Sequence[Candidate], *, templates: int | None = None) -> Tensor:
        prompts = [candidate.prompts[:templates] for candidate in candidates]
        new = [group for group in dict.fromkeys(prompts) if group not in self._class_features]
        if new:
            features = unit(self.text_features([text for group in new for text in group]))
            for group, part in zip(new, features.split([len(group) for group in new]), strict=True):
                self._class_features[group] = unit(part.mean(dim=0))
        return torch.stack([self._class_features[group] for group in prompts])


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

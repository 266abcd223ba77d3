"""Backbone: a vision-language model, frozen, with everything that turns pixels and words into
features.

Its towers are a module of their own, so that an adapter which trains them copies just that; the
backbone itself never changes, and row 0 of every table is its own accuracy.
"""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Literal

import torch
from torch import Tensor, nn

from clvl_bench.backbones.catalog import Precision
from clvl_bench.backbones.class_tables import ClassTables
from clvl_bench.backbones.finite import refuse_no_numbers
from clvl_bench.backbones.kept import load_or_encode_texts
from clvl_bench.backbones.precision import products_in
from clvl_bench.backbones.preprocessing import Preprocessing
from clvl_bench.backbones.tokens import CutTexts, Tokens, padded_rows, up_to_end, within
from clvl_bench.backbones.twins import TwinWatch, twins
from clvl_bench.core.errors import Mistake, RunFailed
from clvl_bench.core.resources import free_memory, out_of_memory
from clvl_bench.data.catalog.candidate import Candidate

Texts = tuple[str, ...]
"""The sentences of one class."""


class Towers(nn.Module, ABC):
    """The image tower and the text tower, the latter in two halves so that learned embeddings can
    enter between them.
    """

    query_and_value: Mapping[Literal["image", "text"], str] = {}
    """For each tower, a regular expression of the names of its query and value projections; none
    where it has no such."""
    image_parts: tuple[str, ...]
    """The submodules that are the image tower, its projection included: no text goes through
    them."""
    reads_embeddings: bool = True
    """Whether `text` can be asked about embeddings that are no word's; where it cannot, methods
    that learn words refuse."""

    @abstractmethod
    def image(self, pixels: Tensor) -> Tensor:
        """Projected image features [batch, width], not normalised, from uint8 pixels [batch, 3,
        height, width].
        """

    @abstractmethod
    def patches(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Patch tokens [batch, patches, width] and what `image` says [batch, width], in one pass.

        Patches go through the last norm and the projection of the pooled token, so that they lie in
        the space of the texts.
        """

    @abstractmethod
    def embed(self, ids: Tensor) -> Tensor:
        """Token embeddings [rows, length, token width], positions not added."""

    @abstractmethod
    def text(self, embeddings: Tensor, ends: Tensor) -> Tensor:
        """Projected text features [rows, width], not normalised, of texts that end at `ends`
        [rows].

        What stands behind an end does not matter; where a tower was trained to see padding there,
        it puts that in itself.
        """

    def sentences(self, ids: Tensor, ends: Tensor) -> Tensor:
        """Projected text features [rows, width] of token ids [rows, length]."""
        return self.text(self.embed(ids), ends)

    def text_after(self, beginnings: Tensor, rests: Tensor, ends: Tensor) -> Tensor:
        """Features [beginnings, rests, width] of every beginning followed by every rest, as `text`
        gives them.

        Args:
            beginnings: embeddings [beginnings, length, token width], start of text included.
            rests: embeddings [rests, length, token width].
            ends: each rest's end of text [rests], counted within the rest.
        """
        n_beginnings = len(beginnings)
        n_rests = len(rests)
        before = beginnings[:, None].expand(-1, n_rests, -1, -1)
        after = rests.expand(n_beginnings, -1, -1, -1)
        sentences = torch.cat([before, after], dim=2).flatten(0, 1)
        ends_of_sentences = (ends + beginnings.shape[1]).repeat(n_beginnings)
        return self.text(sentences, ends_of_sentences).view(n_beginnings, n_rests, -1)


class Backbone(ABC):
    """What adapters may ask of a vision-language model.

    Logits are `logit_scale` times cosines. SigLIP's own also have a bias, the same for every class:
    it shifts all logits of an image equally, so that neither softmax nor argmax sees it, and no
    adapter adds it.
    """

    name: str
    family: str
    weights_sha256: str
    files_sha256: str
    """Of all files that decide its numbers: weights, configuration, tokenizer, preprocessing."""
    logit_scale: float
    width: int
    gives_unit_images: bool = False
    """Whether image features are unit as they come, in the precision in which they were stored."""

    @abstractmethod
    def class_features(
        self, candidates: Sequence[Candidate], *, templates: int | None = None
    ) -> Tensor:
        """Unit text feature of each class [classes, width]: mean of the unit features of its
        prompts, made a unit again.

        With `templates` only that many of each class's templates. A class without text is NaN.
        """


class TowerBackbone(Backbone):
    """A backbone that has its towers here.

    Its text tower reads `context_length` tokens, start and end included. `prefix` are the ids that
    stand before every text, `end` is the id that ends it; `token_width` is 0 where the text tower
    reads no embeddings.
    """

    def __init__(
        self,
        *,
        name: str,
        family: str,
        weights_sha256: str,
        files_sha256: str,
        towers: Towers,
        logit_scale: float,
        preprocessing: Preprocessing,
        context_length: int,
        logit_bias: float = 0.0,
    ) -> None:
        self.name = name
        self.family = family
        self.weights_sha256 = weights_sha256
        self.files_sha256 = files_sha256
        self.towers = towers.eval().requires_grad_(False)
        self.logit_scale = logit_scale
        self.logit_bias = logit_bias
        self.preprocessing = preprocessing
        self.context_length = context_length
        self.precision: Precision = "fp32"
        self.images_encoded = 0
        self.forget()
        # An empty text is the start and the end alone, whatever the tokenizer calls them.
        *prefix, self.end = self.token_ids([""])[0]
        self.prefix: tuple[int, ...] = tuple(prefix)
        empty = self.tokenize([""])
        self.token_width = 0
        with torch.no_grad():
            if towers.reads_embeddings:
                self.token_width = self.towers.embed(empty.ids).shape[-1]
            self.width = self.towers.sentences(empty.ids, empty.ends).shape[-1]

    def forget(self) -> None:
        """Forget which texts it was given, as if it had just been loaded.

        What it said of classes is kept in memory within a run only: the last bits of a text's
        feature depend on the texts that went through the tower with it.
        """
        self.cut_texts = CutTexts(self.name, self.context_length)
        self._twins = TwinWatch(self.name)
        self._class_features: dict[Texts, Tensor] = {}
        self._tables = ClassTables()

    @property
    def device(self) -> torch.device:
        return next(self.towers.parameters()).device

    @abstractmethod
    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text with its start and end, however long it is."""

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """Token ids with start and end of text, cut at the context length.

        Texts that are cut are told of in one line, and counted in `cut_texts`.
        """
        whole = self._whole(texts)
        cut = [
            text for text, ids in zip(texts, whole, strict=True) if len(ids) > self.context_length
        ]
        self.cut_texts.tell(cut, of=len(texts))
        return padded_rows([within(ids, self.context_length) for ids in whole], self.device)

    def _whole(self, texts: Sequence[str]) -> list[list[int]]:
        return [up_to_end(ids, self.end) for ids in self.token_ids(texts)]

    @torch.no_grad()
    def image_features(self, pixels: Tensor) -> Tensor:
        """Projected image features [batch, width], not normalised. Counted: frozen towers should
        see an image once.
        """
        self.images_encoded += len(pixels)
        with products_in(self.precision, self.device.type):
            return in_memory(self._pooled, pixels, self)

    @torch.no_grad()
    def patch_features(self, pixels: Tensor) -> Tensor:
        """Tokens of images in the joint space [batch, tokens, width], the pooled one first; not
        normalised, half precision.
        """
        self.images_encoded += len(pixels)
        with products_in(self.precision, self.device.type):
            return in_memory(self._tokens, pixels, self)

    @cached_property
    def patch_tokens(self) -> int:
        """How many tokens an image has, the pooled one among them."""
        side = self.preprocessing.crop
        with torch.no_grad():
            return int(self._tokens(torch.zeros(1, 3, side, side, dtype=torch.uint8)).shape[1])

    def _pooled(self, pixels: Tensor) -> Tensor:
        return self.towers.image(pixels.to(self.device)).float()

    def _tokens(self, pixels: Tensor) -> Tensor:
        patches, pooled = self.towers.patches(pixels.to(self.device))
        return torch.cat([pooled[:, None], patches], dim=1).half()

    @torch.no_grad()
    def text_features(self, texts: Sequence[str]) -> Tensor:
        """Projected text features [texts, width], not normalised; each distinct sentence is encoded
        once.
        """
        row_of = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        with products_in(self.precision, self.device.type):
            features = sentence_features(self.towers, self.tokenize(list(row_of))).float()
        self.refuse_no_numbers(features, list(row_of), what="text")
        if len(row_of) == len(texts):
            return features
        return features[[row_of[text] for text in texts]]

    def refuse_no_numbers(self, features: Tensor, names: Sequence[str], *, what: str) -> None:
        """Raises:
        Damage, RunFailed: a row of features [names, ...] that these towers made is no feature.
        """
        refuse_no_numbers(
            features,
            names,
            what=what,
            backbone=self.name,
            towers=self.towers,
            precision=self.precision,
        )

    def class_features(
        self, candidates: Sequence[Candidate], *, templates: int | None = None
    ) -> Tensor:
        return self._tables.load_or_compute(candidates, templates, self._table)

    def _table(self, candidates: Sequence[Candidate], templates: int | None) -> Tensor:
        prompts = [candidate.prompts[:templates] for candidate in candidates]
        # Features of a class are kept, and all new ones go through the text tower together.
        new = [group for group in dict.fromkeys(prompts) if group not in self._class_features]
        if new:
            self._twins.look_at(twins(candidates, self._read))
            self._class_features.update(zip(new, self._kept_means(new), strict=True))
        return torch.stack([self._class_features[group] for group in prompts])

    def _kept_means(self, groups: Sequence[Texts]) -> Tensor:
        """The unit mean of each group's unit features [groups, width]; encoded once and kept."""
        # Texts that are cut are told of in every run, also where nothing is encoded.
        self.tokenize(list(dict.fromkeys(itertools.chain.from_iterable(groups))))
        # All groups are one entry: the last bits of a feature depend on what goes through a tower
        # beside it.
        key = repr((self.files_sha256, self.context_length, self.precision, groups))
        encode = partial(self._means, groups)
        means = load_or_encode_texts("classes", key, len(groups), encode, reader=self.name)
        return means.to(self.device)

    def _means(self, groups: Sequence[Texts]) -> Tensor:
        features = l2_normalize(self.text_features(list(itertools.chain.from_iterable(groups))))
        of_groups = features.split([len(group) for group in groups])
        return torch.stack([l2_normalize(of_group.mean(dim=0)) for of_group in of_groups])

    def _read(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """What the text tower sees of each text."""
        return [tuple(within(ids, self.context_length)) for ids in self._whole(texts)]


def in_memory(encode: Callable[[Tensor], Tensor], batch: Tensor, backbone: TowerBackbone) -> Tensor:
    """`encode` of a batch, in parts that fit into memory: halved as often as it takes.

    Parts agree with the whole to the last bits (1e-5 relative, in fp32), and where the whole fits
    nothing is cut.

    Raises:
        RunFailed: not even one sample fits.
    """
    try:
        return encode(batch)
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        if len(batch) == 1:
            raise RunFailed(_no_room(batch, backbone)) from None
    # Outside of the handler: its traceback holds on to the tensors of the failed attempt.
    middle = len(batch) // 2
    first = in_memory(encode, batch[:middle], backbone)
    second = in_memory(encode, batch[middle:], backbone)
    return torch.cat([first, second])


def _no_room(batch: Tensor, backbone: TowerBackbone) -> str:
    count = sum(weight.numel() for weight in backbone.towers.parameters())
    size = "x".join(map(str, batch.shape[2:]))
    free, whole = free_memory(backbone.device.type)
    return (
        f"memory: one image of {size} pixels does not fit beside {backbone.name} "
        f"({count / 1e6:.0f} million parameters, {count * 4 / 2**30:.1f} GiB); "
        f"{backbone.device.type} has {free / 2**30:.1f} of {whole / 2**30:.1f} GiB free; "
        f"a smaller backbone needs less"
    )


def sentence_features(towers: Towers, tokens: Tokens) -> Tensor:
    """Projected text features [rows, width] of sentences, not normalised."""
    return torch.cat([towers.sentences(chunk.ids, chunk.ends) for chunk in tokens.chunks()])


def l2_normalize(features: Tensor) -> Tensor:
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
        f"{wanted_by} needs the text or image tower of a backbone, but these data are precomputed "
        f"features; use a strategy whose adapter reads features alone, for example zeroshot"
    )


def with_texts(backbone: Backbone, classes: Sequence[Candidate], *, wanted_by: str) -> Backbone:
    """The backbone, if it knows the text of every class.

    Raises:
        Mistake: it has precomputed features without text.
    """
    has_text = torch.isfinite(backbone.class_features(classes)).all(dim=1).tolist()
    silent = [each.name for each, known in zip(classes, has_text, strict=True) if not known]
    if silent:
        raise Mistake(
            f"{wanted_by} compares images with class texts, but {len(silent)} of {len(classes)} "
            f"classes have none, for example '{silent[0]}'; declare text features (text = ...), or "
            f"use a strategy that needs none, for example slda"
        )
    return backbone


def with_embeddings(backbone: Backbone, *, wanted_by: str) -> TowerBackbone:
    """The backbone, if its text tower reads embeddings that are no word's.

    Raises:
        Mistake: it has no towers, or a text tower that reads token ids alone.
    """
    towers = with_towers(backbone, wanted_by=wanted_by)
    if towers.towers.reads_embeddings:
        return towers
    raise Mistake(
        f"{wanted_by} learns words, but the text tower of {backbone.name} reads token ids alone; "
        "use a strategy that learns none, for example linear or finetune"
    )

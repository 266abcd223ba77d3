"""Questions: what a strategy sees of a question about an image, as one row of numbers.

A row is [image features | question features | number of its type | token ids, -1 behind them]:
image and question as the frozen towers encode them, and the question's own tokens for adapters that
put an answer behind it. So a minibatch is one tensor, and a memory that keeps rows keeps all that
it rehearses. An image that comes without a question (of a held-out dataset, of a reference) gets
the question `WHAT`.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone, TowerBackbone, with_towers
from clvl_bench.backbones.kept import load_or_encode_texts
from clvl_bench.data.readers.question_split import QuestionSplit
from clvl_bench.data.readers.split import Split
from clvl_bench.inputs.features import encode, encode_patches
from clvl_bench.inputs.kinds import InputKind

WHAT = "what is shown?"


class QuestionBatch(NamedTuple):
    """The parts of the rows of a batch: image [batch, width] (or patches [batch, patches, width]),
    question [batch, width], type [batch], tokens [batch, longest] with -1 behind the last.
    """

    image: Tensor
    question: Tensor
    type: Tensor
    tokens: Tensor


def packed(batch: QuestionBatch) -> Tensor:
    """One row a question."""
    columns = [batch.image.flatten(1), batch.question, batch.type[:, None], batch.tokens]
    return torch.cat(columns, dim=1)


def unpacked(inputs: Tensor, width: int) -> QuestionBatch:
    """The parts of rows whose features are `width` wide."""
    ends = (width, 2 * width, 2 * width + 1)
    image, question, kind, tokens = inputs.tensor_split(ends, dim=1)
    return QuestionBatch(image, question, kind[:, 0], tokens)


def unpacked_patches(inputs: Tensor, width: int, tokens: int) -> tuple[QuestionBatch, Tensor]:
    """The same where the row begins with all tokens of the image: the parts, with the pooled token
    as the image; and all tokens [batch, tokens, width].
    """
    patches, rest = inputs.tensor_split((tokens * width,), dim=1)
    every_token = patches.unflatten(1, (tokens, width))
    pooled = every_token[:, 0]  # the pooled token stands first
    return unpacked(torch.cat([pooled, rest], dim=1), width), every_token


class QuestionInputs:
    """Rows by sample id, which counts through the samples of all splits. Images and questions are
    held once each.

    Answers are not held: code that reaches these inputs must not reach the answers through them.
    """

    def __init__(
        self,
        input_kind: InputKind,
        splits: Sequence[Split | QuestionSplit],
        backbone: Backbone,
        *,
        device: str = "cpu",
    ) -> None:
        self.input_kind = input_kind
        self.device = device
        towers = with_towers(backbone, wanted_by="a stream of questions")
        self._width = towers.width
        images = [each.images if isinstance(each, QuestionSplit) else each for each in splits]
        self._images = torch.cat([encode(each, backbone) for each in images]).to(device)
        self._patches: Tensor | None = None
        if input_kind == "question_patches":
            patches = [encode_patches(each, towers) for each in images]
            self._patches = torch.cat(patches).to(device)
        self._image_of = torch.cat(_image_rows(splits)).to(device)

        texts = [text for split in splits for text in texts_of(split)]
        distinct_texts, text_rows = _numbered(texts)
        self._questions = question_rows(towers, distinct_texts).to(device)
        self._question_of = torch.tensor(text_rows, device=device)

        types = [kind for split in splits for kind in _types_of(split)]
        _, type_numbers = _numbered(types)
        self._type_of = torch.tensor(type_numbers, dtype=torch.float32, device=device)

    def __call__(self, ids: Tensor) -> Tensor:
        """Rows [batch, ...] for sample ids [batch], on the strategy's device."""
        ids = ids.to(self.device)
        rows = self._questions[self._question_of[ids]]
        question, tokens = rows.tensor_split((self._width,), dim=1)
        # Patches are kept in fp16, and computed with in fp32.
        kept = self._images if self._patches is None else self._patches
        image = kept[self._image_of[ids]].float()
        return packed(QuestionBatch(image, question, self._type_of[ids], tokens))

    @property
    def patch_bytes(self) -> int:
        """What the patch tokens of all images take in memory."""
        if self._patches is None:
            return 0
        return self._patches.numel() * self._patches.element_size()

    def image_features(self, ids: Tensor) -> Tensor:
        """Image features [batch, width] alone."""
        return self._images[self._image_of[ids.to(self.device)]]


@torch.no_grad()
def question_rows(backbone: TowerBackbone, questions: Sequence[str]) -> Tensor:
    """[questions, width + longest]: text features, not normalised, and token ids without start and
    end, -1 behind them.

    Encoded once and kept.
    """
    tokens = backbone.tokenize(questions)
    positions = torch.arange(tokens.ids.shape[1], device=tokens.ids.device)
    before_end = positions[None, :] < tokens.ends[:, None]
    ids = torch.where(before_end, tokens.ids, -1)[:, 1:]
    # The key of the cache: kept features are found again as long as this tuple stays as it is.
    key = repr((backbone.files_sha256, backbone.context_length, backbone.precision, ids.tolist()))
    features = load_or_encode_texts(
        "questions",
        key,
        len(questions),
        partial(backbone.text_features, questions),
        reader=backbone.name,
    )
    return torch.cat([features.to(ids.device), ids.float()], dim=1)


def texts_of(split: Split | QuestionSplit) -> list[str]:
    """The question about each sample; `WHAT` of an image that comes without one."""
    if isinstance(split, QuestionSplit):
        return [each.question for each in split.questions]
    return [WHAT] * len(split)


def _types_of(split: Split | QuestionSplit) -> list[str]:
    """The type of each question; images without questions are a type of their own."""
    if isinstance(split, QuestionSplit):
        return [each.type for each in split.questions]
    return [WHAT] * len(split)


def _numbered(texts: Sequence[str]) -> tuple[list[str], list[int]]:
    """The distinct texts in order of first appearance, and the number of each text among them."""
    numbers: dict[str, int] = {}
    for text in texts:
        numbers.setdefault(text, len(numbers))
    return list(numbers), [numbers[text] for text in texts]


def _image_rows(splits: Sequence[Split | QuestionSplit]) -> list[Tensor]:
    """For each sample of each split the row of its image among the images of all."""
    rows = []
    start = 0
    for split in splits:
        if isinstance(split, QuestionSplit):
            rows.append(start + torch.from_numpy(split.image_rows))
            start += len(split.images)
        else:
            rows.append(start + torch.arange(len(split)))
            start += len(split)
    return rows

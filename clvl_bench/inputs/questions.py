"""Questions: what a strategy sees of a question about an image, as one row of numbers.

A row is [image features | question features | number of its type | token ids, -1 behind them]:
image and question as the frozen towers say them, once, and the question's own tokens for whoever
puts an answer behind it. So a minibatch is one tensor, and a memory that keeps rows keeps all that
it rehearses. A picture that comes without a question (of a held-out dataset, of a reference set) is
asked `WHAT`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone, TowerBackbone, with_towers
from clvl_bench.core.cache_dir import cache_dir
from clvl_bench.core.files import sha256
from clvl_bench.data.readers.question_split import QuestionSplit
from clvl_bench.data.readers.split import Split
from clvl_bench.inputs.features import encode, encode_patches, load_or_compute
from clvl_bench.inputs.kinds import InputKind

WHAT = "what is shown?"


class QuestionBatch(NamedTuple):
    """A batch apart: image [batch, width] (or patches [batch, patches, width]), question [batch,
    width], type [batch], tokens [batch, longest] with -1 behind the last.
    """

    image: Tensor
    question: Tensor
    type: Tensor
    tokens: Tensor


def packed(asked: QuestionBatch) -> Tensor:
    """One row a question."""
    return torch.cat(
        [asked.image.flatten(1), asked.question, asked.type[:, None], asked.tokens], dim=1
    )


def unpacked(inputs: Tensor, width: int) -> QuestionBatch:
    """The parts of rows whose features are `width` wide."""
    image, question, kind, tokens = inputs.tensor_split((width, 2 * width, 2 * width + 1), dim=1)
    return QuestionBatch(image, question, kind[:, 0], tokens)


def unpacked_patches(inputs: Tensor, width: int, tokens: int) -> tuple[QuestionBatch, Tensor]:
    """The same where the row begins with all tokens of the image: the parts, with the pooled token
    as the image; and all tokens [batch, tokens, width].
    """
    patches, rest = inputs.tensor_split((tokens * width,), dim=1)
    every = patches.unflatten(1, (tokens, width))
    return unpacked(torch.cat([every[:, 0], rest], dim=1), width), every


class QuestionInputs:
    """Rows by sample id, which number the samples of all splits in turn. Images and questions are
    held once each.

    Answers are not held: whoever holds these inputs must not reach them.
    """

    def __init__(
        self,
        input_kind: InputKind,
        splits: Sequence[Split | QuestionSplit],
        backbone: Backbone,
        *,
        device: str = "cpu",
    ) -> None:
        self.input_kind, self.device = input_kind, device
        towers = with_towers(backbone, wanted_by="a stream of questions")
        pictures = [split.images if isinstance(split, QuestionSplit) else split for split in splits]
        self._images = torch.cat([encode(each, backbone) for each in pictures]).to(device)
        self._patches: Tensor | None = None
        if input_kind == "question_patches":
            self._patches = torch.cat([encode_patches(each, towers) for each in pictures]).to(
                device
            )
        texts = [text for split in splits for text in texts_of(split)]
        types = [kind for split in splits for kind in _types(split)]
        distinct, kinds = list(dict.fromkeys(texts)), list(dict.fromkeys(types))
        self._questions = question_rows(towers, distinct).to(device)
        place, number = (
            {text: row for row, text in enumerate(distinct)},
            {kind: row for row, kind in enumerate(kinds)},
        )
        self._image_of = torch.cat(_image_rows(splits)).to(device)
        self._question_of = torch.tensor([place[text] for text in texts], device=device)
        self._type_of = torch.tensor(
            [number[kind] for kind in types], dtype=torch.float32, device=device
        )
        self._width = towers.width

    def __call__(self, ids: Tensor) -> Tensor:
        """Rows [batch, ...] for sample ids [batch], on the strategy's device."""
        ids = ids.to(self.device)
        words = self._questions[self._question_of[ids]]
        question, tokens = words[:, : self._width], words[:, self._width :]
        rows = self._image_of[ids]
        image = self._images[rows] if self._patches is None else self._patches[rows].float()
        return packed(QuestionBatch(image, question, self._type_of[ids], tokens))

    @property
    def patch_bytes(self) -> int:
        """What the patch tokens of all images take in memory."""
        return 0 if self._patches is None else self._patches.numel() * self._patches.element_size()

    def image_features(self, ids: Tensor) -> Tensor:
        """Image features [batch, width] alone."""
        return self._images[self._image_of[ids.to(self.device)]]


@torch.no_grad()
def question_rows(backbone: TowerBackbone, questions: Sequence[str]) -> Tensor:
    """[questions, width + longest]: text features, not normalised, and token ids without start and
    end, -1 behind them.

    Encoded once, ever.
    """
    tokens = backbone.tokenize(questions)
    inside = (
        torch.arange(tokens.ids.shape[1], device=tokens.ids.device)[None, :] < tokens.ends[:, None]
    )
    ids = torch.where(inside, tokens.ids, -1)[:, 1:]
    key = repr((backbone.weights_sha256, backbone.context_length, backbone.precision, ids.tolist()))
    name = sha256(key.encode())[:32]
    features = load_or_compute(
        cache_dir() / "questions",
        name,
        len(questions),
        lambda: backbone.text_features(questions),
        what="its questions are",
    )
    return torch.cat([features.to(ids.device), ids.float()], dim=1)


def texts_of(split: Split | QuestionSplit) -> list[str]:
    """The question about each sample; `WHAT` of a picture that comes without one."""
    return (
        [each.question for each in split.questions]
        if isinstance(split, QuestionSplit)
        else [WHAT] * len(split)
    )


def _types(split: Split | QuestionSplit) -> list[str]:
    return (
        [each.type for each in split.questions]
        if isinstance(split, QuestionSplit)
        else [WHAT] * len(split)
    )


def _image_rows(splits: Sequence[Split | QuestionSplit]) -> list[Tensor]:
    """For each sample of each split the row of its image among the images of all."""
    rows, start = [], 0
    for split in splits:
        if isinstance(split, QuestionSplit):
            rows.append(start + torch.from_numpy(split.image_rows))
            start += len(split.images)
        else:
            rows.append(start + torch.arange(len(split)))
            start += len(split)
    return rows

"""Answerer: a frozen model that answers questions about images in its own words. No candidates are
shown to it.

Questions of one length go through it together, so that none is padded: transformers 5.23 computes a
mask for BLIP's attention to the question and drops it on the way, and an answer would depend on the
longest question beside it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor

from clvl_bench.backbones.tokens import CutTexts, within
from clvl_bench.backbones.weights import read_model, read_part, read_tokenizer
from clvl_bench.core.errors import Mistake
from clvl_bench.core.files import sha256, to_json

FILES = ("model.safetensors", "pytorch_model.bin")
"""The weights, in the order in which transformers looks for them."""


@dataclass(frozen=True)
class Parts:
    """What a folder of weights becomes: the model, its tokenizer and its own processing of
    images.
    """

    model: Any
    tokenizer: Any
    images: Any


def read_slices(
    model: Any, images: Any, folder: Path, *, what: str, name: str, tokenizer: Any = None
) -> Parts:
    """The parts in a folder in transformers' layout, its tokenizer BERT's where none is named.
    Nothing in it is executed, and no socket is opened.

    Raises:
        Damage: a file of the folder cannot be read; `what` is what it was read as.
    """
    from transformers import BertTokenizer

    kind = tokenizer or BertTokenizer
    return Parts(
        model=read_model(model, folder, what, name, role="answerer"),
        tokenizer=read_tokenizer(kind, folder, what, name, rows=None, role="answerer"),
        images=read_part(images, folder, what, name, role="answerer"),
    )


class Answerer(ABC):
    """What a run may ask of it; always in fp32.

    `key` is of everything that decides an answer: the hashes of the folder's files and `how` the
    answer comes about.
    """

    how: str

    def __init__(
        self,
        parts: Parts,
        *,
        context_length: int,
        name: str,
        family: str,
        weights_sha256: str,
        hashes: Mapping[str, str],
    ) -> None:
        self.name = name
        self.family = family
        self.weights_sha256 = weights_sha256
        self.files_sha256 = sha256(to_json(dict(hashes)))
        self.key = sha256(to_json({"files": dict(hashes), "how": self.how}))
        self._model = parts.model.eval().requires_grad_(False)
        self._tokenizer = parts.tokenizer
        self._images = parts.images
        self._context_length = context_length
        self.cut_texts = CutTexts(name, context_length)

    def pixels(self, image: NDArray[np.uint8]) -> Any:
        """What the model's own processing makes of an image, RGB pixels [height, width, 3]."""
        return self._images(images=[Pillow.fromarray(image)], return_tensors="pt")

    @abstractmethod
    def look(self, pixels: Mapping[str, Tensor]) -> Any:
        """What the model computes of an image alone, without a question, from pixels that went
        through its own processing.
        """

    @abstractmethod
    def say(self, seen: Any, questions: Tensor) -> list[str]:
        """Answers to questions of one length, as token ids [questions, length], about the image
        that `look` has seen.
        """

    def weigh(self, seen: Any, question: Tensor, candidates: Sequence[str]) -> Tensor:
        """The log-probability [candidates] of writing each of them, and then ending, behind one
        question, as token ids [length], about the image that `look` has seen.

        Raises:
            Mistake: it does not write answers word by word.
        """
        raise Mistake(
            f"answerer {self.name}: chooses among answers of its own and gives no likelihood of "
            f"others; use one that writes (BLIP, SmolVLM), or adapter.choice = generated"
        )

    @torch.no_grad()
    def likelihoods(
        self, image: NDArray[np.uint8], questions: Sequence[str], candidates: Sequence[str]
    ) -> Tensor:
        """Log-probabilities [questions, candidates] of the candidates as answers to each question
        about one image.

        Raises:
            Mistake: it does not write answers word by word.
        """
        seen = self.look(self.pixels(image).to(self.device))
        rows = []
        for ids in self._tokenize(questions):
            question = torch.tensor(ids, device=self.device)
            rows.append(self.weigh(seen, question, candidates).cpu())
        return torch.stack(rows)

    @torch.no_grad()
    def answers(self, image: NDArray[np.uint8], questions: Sequence[str]) -> list[str]:
        """An answer to each question about one image, RGB pixels [height, width, 3]. A question too
        long loses its end.
        """
        seen = self.look(self.pixels(image).to(self.device))
        ids_of_questions = self._tokenize(questions)
        answers = [""] * len(ids_of_questions)
        # Questions of one length go together, so that none is padded.
        for length in sorted(set(map(len, ids_of_questions))):
            rows = [row for row, ids in enumerate(ids_of_questions) if len(ids) == length]
            batch = torch.tensor([ids_of_questions[row] for row in rows], device=self.device)
            for row, answer in zip(rows, self.say(seen, batch), strict=True):
                answers[row] = answer
        return answers

    def _tokenize(self, questions: Sequence[str]) -> list[list[int]]:
        """Token ids of each question, with its start and end; those that are cut are told of."""
        length = self._context_length
        whole = self._tokenizer(list(questions), verbose=False)["input_ids"]
        cut = [text for text, ids in zip(questions, whole, strict=True) if len(ids) > length]
        self.cut_texts.tell(cut, of=len(questions))
        return [within(ids, length) for ids in whole]

    def to(self, device: str) -> "Answerer":
        self._model.to(device)
        return self

    @property
    def device(self) -> torch.device:
        device: torch.device = next(self._model.parameters()).device
        return device


def padded_rows(rows: Sequence[Sequence[int]], *, device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids [rows, longest] with zeros behind the shorter ones, and which are theirs.

    A model that reads from left to right does not see what stands behind: no mask is needed.
    """
    lengths = torch.tensor([len(row) for row in rows], device=device)
    longest = int(lengths.max())
    ids = torch.zeros(len(rows), longest, dtype=torch.long, device=device)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(row, device=device)
    return ids, torch.arange(longest, device=device) < lengths[:, None]


def log_probability(logits: Tensor, ids: Tensor, theirs: Tensor) -> Tensor:
    """The sum of the log-probabilities of tokens [rows], from the logits [rows, length, words] that
    came before each of them.
    """
    of_token = logits.log_softmax(dim=-1).gather(-1, ids[..., None])[..., 0]
    return torch.where(theirs, of_token, 0.0).sum(dim=-1)

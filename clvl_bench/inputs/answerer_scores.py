"""Given: what a frozen answerer said of questions about images, asked once, ever; and how that is
told to a strategy.

Kept as features are: in chunks of one fixed size, under a key of everything that decides an answer.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clvl_bench.backbones.answerers.base import Answerer
from clvl_bench.core.cache_dir import cache_dir
from clvl_bench.core.files import sha256
from clvl_bench.core.ticker import Ticker
from clvl_bench.data.readers.question_split import QuestionSplit
from clvl_bench.data.readers.split import Split
from clvl_bench.inputs.features import load_or_compute
from clvl_bench.inputs.kinds import InputKind
from clvl_bench.inputs.questions import texts_of

CHUNK = 256
"""Questions whose answers are kept together."""


class AnswererScores:
    """Scores of candidates by sample id, which number the samples of all splits in turn: 0 (a
    probability of 1) for the candidate that was said, minus infinity for all others. What was said
    and is no candidate scores none.

    Args:
        places: which candidate was said of each sample [samples], negative where none was.
        candidates: how many there are.
    """

    input_kind: InputKind = "answerer_scores"

    def __init__(self, places: NDArray[np.int64], candidates: int, *, device: str = "cpu") -> None:
        self._places, self._candidates, self.device = (
            torch.from_numpy(places).to(device),
            candidates,
            device,
        )

    def __call__(self, ids: Tensor) -> Tensor:
        """Scores [batch, candidates] for sample ids [batch], on the strategy's device."""
        places = self._places[ids.to(self.device)]
        said = torch.arange(self._candidates, device=self.device) == places[:, None]
        return torch.where(said, 0.0, -torch.inf)


def answers_of(split: Split | QuestionSplit, answerer: Answerer) -> list[str]:
    """What an answerer says to each question of a split; of a picture that comes without one, what
    is shown.
    """
    images: Split = split.images if isinstance(split, QuestionSplit) else split
    rows: list[int] = (
        split.image_rows.tolist() if isinstance(split, QuestionSplit) else list(range(len(split)))
    )
    questions = texts_of(split)
    folder = (
        cache_dir()
        / "given"
        / sha256(repr((answerer.key, images.content, rows, questions, CHUNK)).encode())[:32]
    )
    tick, said = Ticker(f"asking {answerer.name}", len(questions)), []
    for number, start in enumerate(range(0, len(questions), CHUNK)):
        part = slice(start, start + CHUNK)
        make = partial(_asked, answerer, images, rows[part], questions[part])
        chunk = load_or_compute(
            folder, f"{number:05d}", len(rows[part]), make, what="its questions are"
        )
        said += _from_bytes(chunk)
        tick(len(said))
    return said


def _asked(
    answerer: Answerer, images: Split, rows: Sequence[int], questions: Sequence[str]
) -> Tensor:
    """Answers as text in bytes; all questions about an image go together."""
    assert images.image is not None
    said = [""] * len(rows)
    for image in dict.fromkeys(rows):
        places = [place for place, row in enumerate(rows) if row == image]
        for place, answer in zip(
            places,
            answerer.answers(images.image(image), [questions[p] for p in places]),
            strict=True,
        ):
            said[place] = answer
    return _as_bytes(said)


def _as_bytes(texts: Sequence[str]) -> Tensor:
    """[texts, longest] uint8: UTF-8, filled with zeros."""
    encoded = [text.encode() for text in texts]
    longest = max(map(len, encoded), default=0)
    return torch.tensor(
        [[*each, *bytes(longest - len(each))] for each in encoded], dtype=torch.uint8
    ).view(len(texts), longest)


def _from_bytes(texts: Tensor) -> list[str]:
    return [row.numpy().tobytes().rstrip(b"\0").decode() for row in texts]

"""Answerer scores: the answers of a frozen answerer to questions about images, or how likely it
would write each candidate, computed once and kept; and the scores that a strategy reads.

Answers are kept as features are: in chunks of one fixed size, under a key of everything that
decides an answer.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clvl_bench.backbones.answerers.base import Answerer
from clvl_bench.backbones.kept import encoded_by_one, load_or_compute
from clvl_bench.core import stopping
from clvl_bench.core.cache_dir import cache_dir
from clvl_bench.core.files import sha256
from clvl_bench.core.ticker import Ticker
from clvl_bench.data.readers.question_split import QuestionSplit
from clvl_bench.data.readers.split import Split
from clvl_bench.inputs.kinds import InputKind
from clvl_bench.inputs.questions import texts_of

CHUNK = 256
"""Questions whose answers are kept together."""


class AnswererScores:
    """Scores of candidates by sample id, which counts through the samples of all splits: 0 (a
    probability of 1) for the candidate that the answerer chose, minus infinity for all others. An
    answer that is no candidate scores none of them.

    Args:
        class_ids: the candidate that was chosen for each sample [samples], negative where the
            answer is none.
        candidates: how many there are.
    """

    input_kind: InputKind = "answerer_scores"

    def __init__(
        self, class_ids: NDArray[np.int64], candidates: int, *, device: str = "cpu"
    ) -> None:
        self.device = device
        self._class_ids = torch.from_numpy(class_ids).to(device)
        self._candidates = torch.arange(candidates, device=device)

    def __call__(self, ids: Tensor) -> Tensor:
        """Scores [batch, candidates] for sample ids [batch], on the strategy's device."""
        chosen = self._class_ids[ids.to(self.device)]
        return torch.where(self._candidates == chosen[:, None], 0.0, -torch.inf)


class LikelihoodScores(AnswererScores):
    """Log-probabilities by sample id [samples, candidates] in the place of a choice; minus infinity
    for candidates of other datasets.
    """

    def __init__(self, scores: Tensor, *, device: str = "cpu") -> None:
        self.device = device
        self._scores = scores.to(device)

    def __call__(self, ids: Tensor) -> Tensor:
        return self._scores[ids.to(self.device)]


def answers_of(split: Split | QuestionSplit, answerer: Answerer) -> list[str]:
    """The answer to each question of a split; for images without questions, to `WHAT`."""
    images, rows = _images_of(split)
    questions = texts_of(split)
    # Bits of kept answers hang on this tuple and on the name of the folder: both stay as they are.
    key = repr((answerer.key, images.content, rows, questions, CHUNK))
    ask = partial(_ask, answerer, images)
    answers: list[str] = []
    for chunk in _chunks(key, answerer, rows, questions, ask):
        answers += _from_bytes(chunk)
    return answers


def likelihoods_of(
    split: Split | QuestionSplit, answerer: Answerer, candidates: Sequence[str]
) -> Tensor:
    """Log-probabilities [samples, candidates] of the candidates as answers to each question.

    Raises:
        Mistake: the answerer does not write its answers word by word.
    """
    images, rows = _images_of(split)
    questions = texts_of(split)
    told = ("likelihood", answerer.key, images.content, rows, questions, tuple(candidates), CHUNK)
    ask = partial(_weigh, answerer, images, candidates)
    return torch.cat(list(_chunks(repr(told), answerer, rows, questions, ask)))


def _chunks(
    key: str,
    answerer: Answerer,
    rows: Sequence[int],
    questions: Sequence[str],
    ask: Callable[[Sequence[int], Sequence[str]], Tensor],
) -> Iterator[Tensor]:
    """What is kept under a key, or asked for now, of so many questions at a time."""
    folder = cache_dir() / "given" / sha256(key.encode())[:32]
    what = f"asking {answerer.name}"
    tick = Ticker(what, len(questions))
    starts = range(0, len(questions), CHUNK)
    names = [f"{number:05d}" for number in range(len(starts))]
    with encoded_by_one(folder, names, what):
        for name, start in zip(names, starts, strict=True):
            of_chunk = slice(start, start + CHUNK)
            compute = partial(ask, rows[of_chunk], questions[of_chunk])
            count = len(rows[of_chunk])
            yield load_or_compute(folder, name, count, compute, what="its questions are")
            tick(start + count)
            stopping.stop_if_asked()


def _images_of(split: Split | QuestionSplit) -> tuple[Split, list[int]]:
    """The images of a split, and for each sample the row of its image."""
    if isinstance(split, QuestionSplit):
        return split.images, split.image_rows.tolist()
    return split, list(range(len(split)))


def _ask(
    answerer: Answerer, images: Split, rows: Sequence[int], questions: Sequence[str]
) -> Tensor:
    """Answers as text in bytes."""
    answers = [""] * len(rows)
    for image, samples in _by_image(images, rows):
        of_image = answerer.answers(image, [questions[sample] for sample in samples])
        for sample, answer in zip(samples, of_image, strict=True):
            answers[sample] = answer
    return _as_bytes(answers)


def _weigh(
    answerer: Answerer,
    images: Split,
    candidates: Sequence[str],
    rows: Sequence[int],
    questions: Sequence[str],
) -> Tensor:
    """Log-probabilities [questions, candidates]."""
    found = torch.empty(len(rows), len(candidates))
    for image, samples in _by_image(images, rows):
        of_image = [questions[sample] for sample in samples]
        found[samples] = answerer.likelihoods(image, of_image, candidates)
    return found


def _by_image(images: Split, rows: Sequence[int]) -> Iterator[tuple[NDArray[np.uint8], list[int]]]:
    """Each image with the samples that ask about it: all its questions go together, so that the
    answerer encodes it once.
    """
    assert images.image is not None
    samples_of: dict[int, list[int]] = {}
    for sample, row in enumerate(rows):
        samples_of.setdefault(row, []).append(sample)
    for row, samples in samples_of.items():
        yield images.image(row), samples


def _as_bytes(texts: Sequence[str]) -> Tensor:
    """[texts, longest] uint8: UTF-8, filled with zeros. The cache keeps tensors, and no pickle."""
    encoded = [text.encode() for text in texts]
    longest = max(map(len, encoded), default=0)
    rows = [list(each.ljust(longest, b"\0")) for each in encoded]
    return torch.tensor(rows, dtype=torch.uint8).view(len(texts), longest)


def _from_bytes(texts: Tensor) -> list[str]:
    return [row.numpy().tobytes().rstrip(b"\0").decode() for row in texts]

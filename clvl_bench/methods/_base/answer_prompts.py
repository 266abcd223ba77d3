"""AnswerPrompts: a question with an answer behind it, as one sentence for a text tower that may be
frozen or may learn.

Question and answer are joined as tokens; a question too long for the context loses its own end,
never the answer. A causal tower goes through a question once for a pack of answers.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, groupby

import torch
from torch import Tensor

from clvl_bench.backbones.base import TowerBackbone, Towers, l2_normalize
from clvl_bench.backbones.tokens import shortened
from clvl_bench.core.errors import warn
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.inputs.questions import QuestionBatch
from clvl_bench.methods._base.adapter import ClassIds

PACK = 16
"""Answers that are encoded in one sequence behind their question. More of them save little and make
attention longer."""
BLANK = "{question}"

Ids = tuple[int, ...]
Sentence = tuple[Ids, Ids]
"""Token ids up to the end of the question, start of text included, and behind it, end of text
included."""
Encode = Callable[[Ids, Sequence[Ids]], Tensor]
"""Features [rests, width], not normalised, of one beginning followed by each of some rests."""


class AnswerPrompts:
    """The sentences of candidates behind questions.

    Args:
        reserved: tokens of the context that something learned takes up.
    """

    def __init__(
        self, backbone: TowerBackbone, classes: Sequence[Candidate], *, reserved: int = 0
    ) -> None:
        self._backbone = backbone
        self._classes = tuple(classes)
        self._room = backbone.context_length - reserved
        self._words: dict[str, Ids] = {}
        self._told_of_cut = False

    def features(
        self,
        candidates: ClassIds,
        question: Ids,
        encode: Encode,
        *,
        templates: int | None = None,
    ) -> Tensor:
        """Unit features [candidates, width] of candidates behind a question: the mean over their
        templates, made a unit again.

        Args:
            question: its token ids without start and end.
            templates: only so many of each candidate's; all of them if None.
        """
        groups = [
            self.sentences(self._classes[class_id], question)[:templates] for class_id in candidates
        ]
        # The sentences of all candidates are encoded together, and then split by candidate again.
        features = l2_normalize(_in_packs(list(chain.from_iterable(groups)), encode))
        parts = features.split([len(group) for group in groups])
        return torch.stack([l2_normalize(part.mean(dim=0)) for part in parts])

    def sentences(self, candidate: Candidate, question: Ids) -> list[Sentence]:
        """Each template with the question in its place. One that has no place for it is a sentence
        of its own.
        """
        first = len(self._backbone.prefix)
        sentences = []
        for template in candidate.templates:
            before, blank, behind = template.partition(BLANK)
            head = self._ids(before.format(candidate.words).strip())
            if not blank:
                sentences.append((head[:first], head[first:]))
                continue
            tail = self._ids(behind.format(candidate.words).strip())[first:]
            room = max(0, self._room - (len(head) - 1) - len(tail))
            self._tell_if_cut(len(question), room, candidate)
            sentences.append(((*head[:-1], *question[:room]), tail))
        return sentences

    def _tell_if_cut(self, length: int, room: int, candidate: Candidate) -> None:
        """Warn, once, that a question of so many tokens loses its end before an answer."""
        if length <= room or self._told_of_cut:
            return
        self._told_of_cut = True
        warn(
            f"{self._backbone.name} reads {self._backbone.context_length} tokens: questions lose "
            f"their end where the answer behind them needs the room, for example {length - room} "
            f"of the {length} tokens of one before '{shortened(candidate.name)}'"
        )

    def _ids(self, text: str) -> Ids:
        if text not in self._words:
            tokens = self._backbone.tokenize([text])
            length = int(tokens.ends[0]) + 1
            self._words[text] = tuple(int(token) for token in tokens.ids[0, :length])
        return self._words[text]


def through(towers: Towers, device: torch.device) -> Encode:
    """The way through a text tower, padded with the end of text, behind which a causal tower never
    looks.
    """

    def encode(beginning: Ids, rests: Sequence[Ids]) -> Tensor:
        first = torch.tensor([beginning], dtype=torch.long, device=device)
        behind, ends = padded(rests, device)
        if towers.reads_embeddings:
            return towers.text_after(towers.embed(first), towers.embed(behind), ends)[0].float()
        whole = torch.cat([first.expand(len(rests), -1), behind], dim=1)
        return towers.sentences(whole, ends + len(beginning)).float()

    return encode


def padded(rests: Sequence[Ids], device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids [rests, longest], each row filled with its own end of text, and where that end
    stands [rests].
    """
    longest = max(len(rest) for rest in rests)
    filled = [rest + rest[-1:] * (longest - len(rest)) for rest in rests]
    ids = torch.tensor(filled, dtype=torch.long, device=device)
    ends = torch.tensor([len(rest) - 1 for rest in rests], device=device)
    return ids, ends


def ranked(
    asked: QuestionBatch,
    candidates: int,
    texts: Callable[[Ids], Tensor],
    *,
    prior: Tensor | None = None,
) -> Tensor:
    """Cosines [batch, candidates] of images with the candidates behind each one's question.

    Args:
        texts: unit features [candidates, width] behind a question of these token ids.
        prior: a mean image [width] whose score is taken off each candidate's: what a sentence gets
            whatever is on the image.
    """
    images = l2_normalize(asked.image)
    if prior is not None:
        images = images - prior
    # Each distinct question is encoded once, for all images that it is asked of.
    questions, question_of = asked.tokens.unique(dim=0, return_inverse=True)
    parts = [images.new_zeros(0, candidates)]  # what is left of an empty batch
    for number, tokens in enumerate(questions):
        parts.append(images[question_of == number] @ texts(question_ids(tokens)).T)
    # The parts stand by question; the inverse of that order is the batch's.
    order = question_of.argsort(stable=True)
    return torch.cat(parts)[order.argsort()]


def question_ids(tokens: Tensor) -> Ids:
    """The token ids of a row [longest] that is filled with -1."""
    return tuple(int(token) for token in tokens if token >= 0)


def _in_packs(sentences: Sequence[Sentence], encode: Encode) -> Tensor:
    """Features [sentences, width]. Answers of like length share a pack."""
    parts = []
    order: list[int] = []
    for rows in _packs(sentences):
        beginning = sentences[rows[0]][0]
        parts.append(encode(beginning, [sentences[row][1] for row in rows]))
        order.extend(rows)
    features = torch.cat(parts)
    # The inverse of a permutation is the order that sorts it.
    return features[torch.tensor(order, device=features.device).argsort()]


def _packs(sentences: Sequence[Sentence]) -> Iterator[list[int]]:
    """Rows of sentences with the same beginning, at most PACK, those of like length together."""

    def beginning(row: int) -> Ids:
        return sentences[row][0]

    def length_of_rest(row: int) -> int:
        return len(sentences[row][1])

    # The second sort is stable: within a beginning, rows stay sorted by length.
    order = sorted(range(len(sentences)), key=length_of_rest)
    order.sort(key=beginning)
    for _, same in groupby(order, key=beginning):
        rows = list(same)
        for start in range(0, len(rows), PACK):
            yield rows[start : start + PACK]

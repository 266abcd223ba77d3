"""Asking: a question with an answer behind it, as one sentence for a text tower that may be frozen
or may learn.

Question and answer are joined as tokens; a question too long for the context loses its own end,
never the answer. A causal tower goes through a question once for a pack of answers.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

import torch
from torch import Tensor

from clvl_bench.backbones.base import TowerBackbone, Towers, l2_normalize
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.inputs.questions import QuestionBatch

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
        reserved: places of the context that something learned takes up.
    """

    def __init__(
        self, backbone: TowerBackbone, table: Sequence[Candidate], *, reserved: int = 0
    ) -> None:
        self._backbone, self._table = backbone, tuple(table)
        self._room = backbone.context_length - reserved
        self._words: dict[str, Ids] = {}

    def features(
        self, places: Sequence[int], question: Ids, encode: Encode, *, templates: int | None = None
    ) -> Tensor:
        """Unit features [places, width] of candidates behind a question: the mean over their
        templates, made a unit again.

        Args:
            question: its token ids without start and end.
            templates: only so many of each candidate's; all of them if None.
        """
        groups = [self.sentences(self._table[place], question)[:templates] for place in places]
        features = l2_normalize(
            _in_packs([sentence for group in groups for sentence in group], encode)
        )
        return torch.stack(
            [
                l2_normalize(part.mean(dim=0))
                for part in features.split([len(group) for group in groups])
            ]
        )

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
            sentences.append(((*head[:-1], *question[:room]), tail))
        return sentences

    def _ids(self, text: str) -> Ids:
        if text not in self._words:
            tokens = self._backbone.tokenize([text])
            self._words[text] = tuple(
                int(token) for token in tokens.ids[0, : int(tokens.ends[0]) + 1]
            )
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
    """Token ids [rests, longest], each row filled with its own end of text, and the place of that
    end [rests].
    """
    longest = max(map(len, rests))
    ids = torch.tensor(
        [(*each, *each[-1:] * (longest - len(each))) for each in rests],
        dtype=torch.long,
        device=device,
    )
    return ids, torch.tensor([len(each) - 1 for each in rests], device=device)


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
    questions, which = asked.tokens.unique(dim=0, return_inverse=True)
    if prior is not None:
        images = images - prior
    order = which.argsort(stable=True)
    parts = [
        images[which == number] @ texts(question_ids(tokens)).T
        for number, tokens in enumerate(questions)
    ]
    return torch.cat([images.new_zeros(0, candidates), *parts])[order.argsort()]


def question_ids(tokens: Tensor) -> Ids:
    """The token ids of a row [longest] that is filled with -1."""
    return tuple(int(token) for token in tokens if token >= 0)


def _in_packs(sentences: Sequence[Sentence], encode: Encode) -> Tensor:
    """Features [sentences, width]. Answers of like length share a pack."""
    rows_of = list(_packs(sentences))
    features = torch.cat(
        [encode(sentences[rows[0]][0], [sentences[row][1] for row in rows]) for rows in rows_of]
    )
    back = torch.tensor([row for rows in rows_of for row in rows], device=features.device).argsort()
    return features[back]


def _packs(sentences: Sequence[Sentence]) -> Iterator[list[int]]:
    order = sorted(
        range(len(sentences)), key=lambda row: (sentences[row][0], len(sentences[row][1]))
    )
    for _, same in groupby(order, key=lambda row: sentences[row][0]):
        rows = list(same)
        yield from (rows[start : start + PACK] for start in range(0, len(rows), PACK))

"""Ranking: the untouched backbone's answer. Every candidate is put behind the question, and the
sentence that is nearest to the image wins (the training-free form of Song et al. 2022, CLIP models
are few-shot learners, arXiv:2203.07190, without their rewriting of questions into statements).

What the frozen text tower says of a question with all answers is kept on disk: row 0 of every run
asks for it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone, TowerBackbone, with_towers
from clvl_bench.core.cache_dir import cache_dir
from clvl_bench.core.files import sha256
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.inputs.features import load_or_compute
from clvl_bench.inputs.questions import QuestionBatch
from clvl_bench.methods._base.adapter import ClassIds
from clvl_bench.methods._base.answer_prompts import BLANK, AnswerPrompts, Ids, ranked, through


class Ranking:
    """Scores of questions about images without training; what was encoded once is not encoded
    again.
    """

    def __init__(self, backbone: Backbone, table: Sequence[Candidate]) -> None:
        self.backbone: TowerBackbone = with_towers(backbone, wanted_by="ranking answers")
        self.table = tuple(table)
        self._asking = [
            place
            for place, each in enumerate(table)
            if any(BLANK in template for template in each.templates)
        ]
        self._row_of = {place: row for row, place in enumerate(self._asking)}
        self._layout = AnswerPrompts(self.backbone, table)
        self._known: dict[Ids, Tensor] = {}
        texts = [self.table[place].prompts for place in self._asking]
        self._key = sha256(
            repr(
                (
                    "packed",
                    self.backbone.weights_sha256,
                    self.backbone.context_length,
                    texts,
                    self._templates(),
                )
            ).encode()
        )

    def texts(self, question: Ids, candidates: ClassIds) -> Tensor:
        """Unit text features [candidates, width] of the candidates behind one question, by its
        token ids.
        """
        mine = [number for number, place in enumerate(candidates) if place in self._row_of]
        own = [number for number, place in enumerate(candidates) if place not in self._row_of]
        features = torch.empty(len(candidates), self.backbone.width, device=self.backbone.device)
        if mine:
            features[mine] = self._asked(question)[
                [self._row_of[candidates[number]] for number in mine]
            ]
        if own:  # classes of pictures: their words are the same behind every question
            features[own] = self.backbone.class_features(
                [self.table[candidates[number]] for number in own]
            )
        return features

    @torch.no_grad()
    def scores(
        self, asked: QuestionBatch, candidates: ClassIds, *, prior: Tensor | None = None
    ) -> Tensor:
        """Scaled cosines [batch, candidates]. `prior` [width] is a mean image whose score is taken
        off each candidate's: what a sentence gets whatever is on the image.
        """
        cosines = ranked(
            asked, len(candidates), lambda question: self.texts(question, candidates), prior=prior
        )
        return self.backbone.logit_scale * cosines

    def _asked(self, ids: Ids) -> Tensor:
        """Unit features [answers, width] of all answers behind one question: from memory, from
        disk, or encoded and kept.
        """
        if ids not in self._known:
            folder = cache_dir() / "answers" / self._key[:32]
            name = sha256(repr(ids).encode())[:32]
            encode = through(self.backbone.towers, self.backbone.device)
            features = load_or_compute(
                folder,
                name,
                len(self._asking),
                lambda: self._layout.features(self._asking, ids, encode),
                what="its answers are",
            )
            self._known[ids] = features.to(self.backbone.device)
        return self._known[ids]

    def _templates(self) -> list[tuple[str, ...]]:
        return [self.table[place].templates for place in self._asking]

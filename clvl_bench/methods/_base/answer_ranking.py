"""Ranking: the untouched backbone's answer. Every candidate is put behind the question, and the
sentence that is nearest to the image wins (the training-free form of Song et al. 2022, CLIP models
are few-shot learners, arXiv:2203.07190, without their rewriting of questions into statements).

What the frozen text tower says of a question with all answers is kept on disk: row 0 of every run
asks for it.
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from clvl_bench.backbones.base import Backbone, TowerBackbone, with_towers
from clvl_bench.backbones.kept import load_or_compute
from clvl_bench.core.cache_dir import cache_dir
from clvl_bench.core.files import sha256
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.inputs.questions import QuestionBatch
from clvl_bench.methods._base.adapter import ClassIds, rows_by_class
from clvl_bench.methods._base.answer_prompts import BLANK, AnswerPrompts, Ids, ranked, through


class Ranking:
    """Scores of questions about images without training; what was encoded once is not encoded
    again.
    """

    def __init__(self, backbone: Backbone, classes: Sequence[Candidate]) -> None:
        self.backbone: TowerBackbone = with_towers(backbone, wanted_by="ranking answers")
        self.classes = tuple(classes)
        # The candidates whose templates have a place for the question; the others are classes of
        # pictures.
        self._answers = tuple(
            class_id for class_id, candidate in enumerate(classes) if _reads_question(candidate)
        )
        self._row_of = rows_by_class(self._answers)
        self._layout = AnswerPrompts(self.backbone, classes)
        self._known: dict[Ids, Tensor] = {}
        answers = [self.classes[class_id] for class_id in self._answers]
        # The name of a folder on disk: everything that decides what is encoded. As long as this
        # text stays as it is, what was kept is found again.
        decides = (
            "packed",
            self.backbone.files_sha256,
            self.backbone.context_length,
            [candidate.prompts for candidate in answers],
            [candidate.templates for candidate in answers],
        )
        self._key = sha256(repr(decides).encode())

    def texts(self, question: Ids, candidates: ClassIds) -> Tensor:
        """Unit text features [candidates, width] of the candidates behind one question, by its
        token ids.
        """
        features = torch.empty(len(candidates), self.backbone.width, device=self.backbone.device)
        columns = range(len(candidates))
        of_answers = [column for column in columns if candidates[column] in self._row_of]
        if of_answers:
            rows = [self._row_of[candidates[column]] for column in of_answers]
            features[of_answers] = self._behind(question)[rows]
        # Classes of pictures: their words are the same behind every question.
        of_pictures = [column for column in columns if candidates[column] not in self._row_of]
        if of_pictures:
            pictures = [self.classes[candidates[column]] for column in of_pictures]
            features[of_pictures] = self.backbone.class_features(pictures)
        return features

    @torch.no_grad()
    def scores(
        self, asked: QuestionBatch, candidates: ClassIds, *, prior: Tensor | None = None
    ) -> Tensor:
        """Scaled cosines [batch, candidates]. `prior` [width] is a mean image whose score is taken
        off each candidate's: what a sentence gets whatever is on the image.
        """
        texts = partial(self.texts, candidates=candidates)
        cosines = ranked(asked, len(candidates), texts, prior=prior)
        return self.backbone.logit_scale * cosines

    def _behind(self, question: Ids) -> Tensor:
        """Unit features [answers, width] of all answers behind one question: from memory, from
        disk, or encoded and kept.
        """
        if question not in self._known:
            folder = cache_dir() / "answers" / self._key[:32]
            name = sha256(repr(question).encode())[:32]
            encode = through(self.backbone.towers, self.backbone.device)
            compute = partial(self._layout.features, self._answers, question, encode)
            features = load_or_compute(
                folder, name, len(self._answers), compute, what="its answers are"
            )
            self._known[question] = features.to(self.backbone.device)
        return self._known[question]


def _reads_question(candidate: Candidate) -> bool:
    return any(BLANK in template for template in candidate.templates)

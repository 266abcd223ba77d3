"""Ranking: the untouched backbone's answer. Every candidate is put behind the question, and the sentence that is nearest to the
image wins (the training-free form of Song et al. 2022, CLIP models are few-shot learners, arXiv:2203.07190, without their
rewriting of questions into statements).

Question and answer are joined as tokens; a question too long for the context loses its own end, never the answer. What the
frozen text tower says of a question with all answers is kept on disk: row 0 of every run asks for it.
"""

import hashlib
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from clvl_bench.adapters.base import Classes
from clvl_bench.backbones import Backbone, TowerBackbone, unit, with_towers
from clvl_bench.datasets import Candidate
from clvl_bench.home import home
from clvl_bench.questions import Asked
from clvl_bench.records import sha256, write_atomically

PACK = 16
"""Answers that are encoded in one sequence behind their question. More of them save little and make attention longer."""
BLANK = "{question}"


Sentence = tuple[tuple[int, ...], list[int]]
"""Token ids up to the end of the question, start of text included, and behind it, end of text included."""


class Ranking:
    """Scores of questions about images without training; what was encoded once is not encoded again."""

    def __init__(self, backbone: Backbone, table: Sequence[Candidate]) -> None:
        self.backbone: TowerBackbone = with_towers(backbone, wanted_by="ranking answers")
        self.table = tuple(table)
        self._asking = [place for place, each in enumerate(table) if any(BLANK in template for template in each.templates)]
        self._words: dict[str, list[int]] = {}
        self._known: dict[tuple[int, ...], Tensor] = {}
        texts = [self.table[place].prompts for place in self._asking]
        self._key = sha256(
            repr(("packed", self.backbone.weights_sha256, self.backbone.context_length, texts, self._templates())).encode()
        )

    def texts(self, tokens: Tensor, candidates: Classes) -> Tensor:
        """Unit text features [candidates, width] of the candidates behind one question, by its token ids [longest]."""
        features = self.backbone.class_features([self.table[place] for place in candidates]).clone()
        asking = {place: row for row, place in enumerate(self._asking)}
        mine = [number for number, place in enumerate(candidates) if place in asking]
        if mine:
            features[mine] = self._asked(tokens)[[asking[candidates[number]] for number in mine]]
        return features

    @torch.no_grad()
    def scores(self, asked: Asked, candidates: Classes, *, prior: Tensor | None = None) -> Tensor:
        """Scaled cosines [batch, candidates]. `prior` [width] is a mean image whose score is taken off each candidate's: what
        a sentence gets whatever is on the image."""
        images = unit(asked.image)
        scores = images.new_empty(len(images), len(candidates))
        questions, which = asked.tokens.unique(dim=0, return_inverse=True)
        for number, tokens in enumerate(questions):
            rows = which == number
            texts = self.texts(tokens, candidates)
            scores[rows] = (images[rows] if prior is None else images[rows] - prior) @ texts.T
        return self.backbone.logit_scale * scores

    def _asked(self, tokens: Tensor) -> Tensor:
        """Unit features [answers, width] of all answers behind one question: from memory, from disk, or encoded and kept."""
        ids = tuple(int(token) for token in tokens if token >= 0)
        if ids not in self._known:
            folder = home() / "answers" / self._key[:32]
            name = hashlib.sha256(repr(ids).encode()).hexdigest()[:32]
            features = _kept(folder, name, len(self._asking))
            if features is None:
                features = self._encoded(ids).cpu()
                data = save({"features": features.contiguous()})
                write_atomically(folder / f"{name}-{sha256(data)}.safetensors", data, durable=False)
            self._known[ids] = features.to(self.backbone.device)
        return self._known[ids]

    def _encoded(self, question: tuple[int, ...]) -> Tensor:
        groups = [self._sentences(self.table[place], question) for place in self._asking]
        features = unit(self._texts([sentence for group in groups for sentence in group]))
        return torch.stack([unit(part.mean(dim=0)) for part in features.split([len(group) for group in groups])])

    def _sentences(self, candidate: Candidate, question: tuple[int, ...]) -> list[Sentence]:
        """Each template with the question in its place: the token ids up to its end, and those behind it."""
        sentences = []
        for template in candidate.templates:
            before, _, behind = template.partition(BLANK)
            head = self._ids(before.format(candidate.words).strip())[:-1]
            tail = self._ids(behind.format(candidate.words).strip())[1:]
            room = max(0, self.backbone.context_length - len(head) - len(tail))
            sentences.append(((*head, *question[:room]), tail))
        return sentences

    def _ids(self, text: str) -> list[int]:
        if text not in self._words:
            tokens = self.backbone.tokenise([text])
            self._words[text] = [int(token) for token in tokens.ids[0, : int(tokens.ends[0]) + 1]]
        return self._words[text]

    def _texts(self, sentences: Sequence[Sentence]) -> Tensor:
        """Features [sentences, width]. A question is encoded once for a pack of answers of like length."""
        order = sorted(range(len(sentences)), key=lambda row: (sentences[row][0], len(sentences[row][1])))
        packs = [
            rows[start : start + PACK]
            for _, same in groupby(order, key=lambda row: sentences[row][0])
            for rows in [list(same)]
            for start in range(0, len(rows), PACK)
        ]
        features = torch.cat([self._pack(sentences[rows[0]][0], [sentences[row][1] for row in rows]) for rows in packs])
        back = torch.tensor([row for rows in packs for row in rows], device=features.device).argsort()
        return features[back]

    def _pack(self, beginning: Sequence[int], tails: Sequence[Sequence[int]]) -> Tensor:
        """Features [tails, width]; padded with the end of text, behind which a causal tower never looks."""
        device, towers = self.backbone.device, self.backbone.towers
        longest = max(map(len, tails))
        first = torch.tensor([beginning], device=device)
        rests = torch.tensor([[*each, *[each[-1]] * (longest - len(each))] for each in tails], device=device)
        ends = torch.tensor([len(each) - 1 for each in tails], device=device)
        if not self.backbone.token_width:  # a text tower that reads ids alone
            whole = torch.cat([first.expand(len(tails), -1), rests], dim=1)
            features: Tensor = towers.sentences(whole, ends + len(beginning)).float()
            return features
        return towers.text_after(towers.embed(first), towers.embed(rests), ends)[0].float()

    def _templates(self) -> list[tuple[str, ...]]:
        return [self.table[place].templates for place in self._asking]


def _kept(folder: Path, name: str, answers: int) -> Tensor | None:
    """A kept tensor whose content fits the hash in its name; None where there is none, so that it is made again."""
    for path in sorted(folder.glob(f"{name}-*.safetensors")):
        data = path.read_bytes()
        try:
            if path.stem.partition("-")[2] == sha256(data) and len(found := load(data)["features"]) == answers:
                kept: Tensor = found
                return kept
        except (SafetensorError, KeyError):
            pass
        path.unlink(missing_ok=True)
    return None

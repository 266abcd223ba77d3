"""Learners of the sentence that is ranked: words before question and answer, and the tower that
reads both.
"""

import torch
from asked import QUESTIONS

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.inputs.questions import question_rows, unpacked
from clvl_bench.methods._base.answer_prompts import AnswerPrompts, through
from clvl_bench.methods._base.answer_ranking import Ranking
from clvl_bench.methods._base.sentences import word_embeddings
from clvl_bench.methods.answer_lora.config import AnswerLoraConfig
from clvl_bench.methods.answer_prompt.config import AnswerPromptConfig
from clvl_bench.methods.registry import build_adapter

TABLE = (
    Candidate("yes", "d", ("{question} {}.",)),
    Candidate("a nodule", "d", ("{question} {}.",)),
    Candidate("forest", "pictures", ("a photo of a {}.",)),
)
EVERYTHING = tuple(range(len(TABLE)))


def test_learned_words_that_are_words_make_the_sentence_that_one_would_write(backbone, inputs):
    adapter = build_adapter(AnswerPromptConfig(context_length=3), backbone, TABLE, seed=0).eval()
    before, behind = (
        word_embeddings(backbone, words) for words in ("a medical scan", "the answer is")
    )
    adapter.asking, adapter.answering = torch.nn.Parameter(before), torch.nn.Parameter(behind)
    with torch.no_grad():
        found = adapter.logits(inputs, EVERYTHING)
    for row, question in enumerate((QUESTIONS[0], QUESTIONS[1], QUESTIONS[0])):
        whole = [
            f"a medical scan {question} the answer is {answer}." for answer in ("yes", "a nodule")
        ]
        texts = l2_normalize(backbone.text_features([*whole, "a photo of a forest."]))
        expected = backbone.logit_scale * texts @ l2_normalize(inputs[row, : backbone.width])
        assert torch.allclose(found[row], expected, atol=1e-4)


def test_words_that_are_learned_take_their_places_from_a_long_question(backbone):
    question = tuple(
        question_rows(backbone, ["nodule " * 200])[0, backbone.width :].long().tolist()
    )
    for reserved in (0, 8):
        [(beginning, rest)] = AnswerPrompts(backbone, TABLE, reserved=reserved).sentences(
            TABLE[0], question
        )
        assert len(beginning) + len(rest) + reserved == backbone.context_length


def test_only_the_text_tower_has_an_update_and_frozen_ones_stay_as_they_are(backbone, inputs):
    adapter = build_adapter(AnswerLoraConfig(rank=2, dropout=0.0), backbone, TABLE, seed=0)
    names = [name for name, parameter in adapter.named_parameters() if parameter.requires_grad]
    assert names
    assert all("text" in name for name in names)
    asked = unpacked(inputs, backbone.width)
    untouched = Ranking(backbone, TABLE).scores(asked, EVERYTHING)
    adapter.train()
    optimiser = torch.optim.SGD(
        [each for each in adapter.parameters() if each.requires_grad], lr=1.0
    )
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(
            adapter.logits(inputs, EVERYTHING), torch.tensor([1, 0, 1])
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    adapter.eval()
    with torch.no_grad():
        learned = adapter.logits(inputs, EVERYTHING)
    assert (learned - untouched).abs().max() > 1e-3
    encode = through(backbone.towers, backbone.device)
    question = tuple(int(token) for token in asked.tokens[0] if token >= 0)
    frozen = AnswerPrompts(backbone, TABLE).features(EVERYTHING, question, encode)
    assert torch.allclose(
        backbone.logit_scale * frozen @ l2_normalize(asked.image[0]), untouched[0], atol=1e-4
    )

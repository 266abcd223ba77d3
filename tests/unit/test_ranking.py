"""Ranking without training: question and answer joined as tokens are the sentence that one would
write.
"""

import torch
from asked import QUESTIONS

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.inputs.questions import QuestionBatch, question_rows
from clvl_bench.methods._base.answer_prompts import PACK
from clvl_bench.methods._base.answer_ranking import Ranking
from clvl_bench.methods.answer_ranking.config import RankingConfig
from clvl_bench.methods.registry import build_adapter

TEMPLATES = ("{question} {}.", "question: {question} answer: {}.")
TABLE = (
    Candidate("yes", "d", TEMPLATES),
    Candidate("a nodule", "d", TEMPLATES),
    Candidate("two", "d", ("{question} {}.",)),
    Candidate("forest", "pictures", ("a photo of a {}.",)),
)


def scores(backbone, inputs, **settings):
    adapter = build_adapter(RankingConfig(**settings), backbone, TABLE, seed=0).eval()
    with torch.no_grad():
        return adapter, adapter.logits(inputs, (0, 1, 2, 3))


def written_out(backbone, candidate, question):
    """The mean of the unit features of whole sentences, through the tokenizer as one piece each."""
    sentences = [
        template.format(candidate.name, question=question) for template in candidate.templates
    ]
    return l2_normalize(l2_normalize(backbone.text_features(sentences)).mean(dim=0))


def test_the_score_is_the_cosine_with_the_whole_sentence(backbone, inputs):
    texts = [
        torch.stack([written_out(backbone, each, QUESTIONS[row % 2]) for each in TABLE])
        for row in range(3)
    ]
    expected = torch.stack(
        [
            text @ image
            for text, image in zip(texts, l2_normalize(inputs[:, : backbone.width]), strict=True)
        ]
    )
    assert torch.allclose(scores(backbone, inputs)[1], backbone.logit_scale * expected, atol=1e-4)


def test_more_answers_than_one_pack_holds_are_each_scored_as_their_own_sentence(backbone, inputs):
    table = [
        Candidate("a " + "very " * (row % 5) + f"thing {row}", "d", TEMPLATES[row % 2 :])
        for row in range(2 * PACK + 5)
    ]
    rows = inputs[:2, 2 * backbone.width + 1 :]
    asked = QuestionBatch(
        inputs[:2, : backbone.width],
        inputs[:2, backbone.width : 2 * backbone.width],
        torch.zeros(2),
        rows,
    )
    found = Ranking(backbone, table).scores(asked, tuple(range(len(table))))
    texts = [
        torch.stack([written_out(backbone, each, QUESTIONS[row]) for each in table])
        for row in range(2)
    ]
    expected = torch.stack(
        [text @ image for text, image in zip(texts, l2_normalize(asked.image), strict=True)]
    )
    assert torch.allclose(found, backbone.logit_scale * expected, atol=1e-4)


def test_a_class_without_a_place_for_the_question_is_scored_as_in_classification(backbone, inputs):
    texts = backbone.class_features([TABLE[3]])
    expected = backbone.logit_scale * l2_normalize(inputs[:, : backbone.width]) @ texts.T
    assert torch.allclose(scores(backbone, inputs)[1][:, 3:], expected, atol=1e-4)


def test_a_question_too_long_loses_its_end_and_keeps_the_answer(backbone, inputs):
    long = " ".join(["is there a nodule and a cyst"] * 20) + "?"
    rows = question_rows(backbone, [long])
    asked = QuestionBatch(
        inputs[:1, : backbone.width],
        rows[:, : backbone.width],
        torch.zeros(1),
        rows[:, backbone.width :],
    )
    found = Ranking(backbone, TABLE).scores(asked, (0, 1))
    assert torch.isfinite(found).all()
    assert found[0, 0] != found[0, 1]


def test_kept_texts_are_those_that_were_encoded(backbone, inputs, empty_home):
    first = scores(backbone, inputs)[1]
    kept = sorted(empty_home.rglob("*.safetensors"))
    assert len(kept) == len(QUESTIONS)
    assert torch.equal(scores(backbone, inputs)[1], first)
    kept[0].write_bytes(kept[0].read_bytes()[:-1] + b"?")
    assert torch.equal(scores(backbone, inputs)[1], first)


def test_the_prior_takes_off_what_a_sentence_scores_on_the_mean_image(backbone, inputs):
    adapter, plain = scores(backbone, inputs, remove_prior=True)
    adapter.observe(inputs, torch.full((3,), -1))  # no label has arrived: none is needed
    images = l2_normalize(inputs[:, : backbone.width])
    with torch.no_grad():
        without = adapter.logits(inputs, (0, 1, 2, 3))
        same = adapter.logits(
            torch.cat([images.mean(dim=0).expand(3, -1), inputs[:, backbone.width :]], dim=1),
            (0, 1, 2, 3),
        )
    assert torch.allclose(
        plain[0] + plain[2] - without[0] - without[2], 2 * (plain[0] - without[0]), atol=1e-3
    )
    centred = same / backbone.logit_scale
    texts = torch.stack([written_out(backbone, each, QUESTIONS[0]) for each in TABLE])
    assert torch.allclose(
        centred[0], texts @ (l2_normalize(images.mean(dim=0)) - images.mean(dim=0)), atol=1e-4
    )

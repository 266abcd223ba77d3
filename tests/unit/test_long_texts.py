"""Texts longer than a text tower reads, and names that a tokenizer cannot tell apart: neither is
silent.
"""

import unicodedata
from dataclasses import replace

import numpy as np
import pytest
import torch

from clvl_bench.backbones.loading import load_backbone
from clvl_bench.core.errors import Mistake
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.answer_prompts import AnswerPrompts
from clvl_bench.runs.files import run_config
from clvl_bench.runs.setup import prepare

LONG = ("very " * 90).strip()


@pytest.fixture
def fresh(random_clip):
    """A backbone that has told of nothing yet."""
    return load_backbone(str(random_clip()))


def classes(*names: str, template: str = "a photo of a {}.") -> list[Candidate]:
    return [Candidate(name, "mine", (template, "{}")) for name in names]


def test_a_text_is_cut_as_transformers_cuts_it(fresh):
    texts = ["forest", f"{LONG} river", "a lake " * 37, "forest " * 75, "forest " * 76]
    theirs = fresh._tokenizer(texts, truncation=True, max_length=77, padding=True)["input_ids"]
    ours = fresh.tokenize(texts)
    for row, end in enumerate(ours.ends.tolist()):
        assert ours.ids[row, : end + 1].tolist() == theirs[row][: end + 1]
        assert theirs[row].index(fresh.end) == end


def test_texts_that_are_cut_are_told_of_in_one_line_and_once(fresh, caplog):
    texts = [f"{LONG} forest", f"{LONG} river", "a lake", f"{LONG} road"]
    fresh.tokenize(texts)
    fresh.text_features(texts)
    assert len(caplog.messages) == 1
    assert "reads 77 tokens: 3 of 4 texts are longer" in caplog.messages[0]
    assert "very forest', " in caplog.messages[0]
    assert "very river' and 1 more" in caplog.messages[0]
    assert fresh.cut_texts.count(texts) == 3


def test_texts_that_fit_are_not_told_of(fresh, caplog):
    fresh.tokenize(["forest " * 75])  # with start and end 77
    assert not caplog.messages


@pytest.mark.parametrize(
    "names",
    [
        (f"{LONG} green river", f"{LONG} red forest"),
        ("Forest", "forest"),
        ("sea  lake", "sea lake"),
        ("annual_crop", "annual crop"),
        (unicodedata.normalize("NFC", "forêt"), unicodedata.normalize("NFD", "forêt")),
    ],
    ids=["cut", "case", "spaces", "underscore", "unicode form"],
)
def test_two_classes_with_the_same_tokens_are_refused_by_both_names(fresh, names):
    with pytest.raises(Mistake) as refusal:
        fresh.class_features(classes("river bank", *names))
    assert all(name[-8:] in str(refusal.value) for name in names)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("names", [("forêt", "foret"), ("HER2+", "HER2-"), ("森林", "河流")])
def test_classes_that_differ_in_a_token_have_features_of_their_own(fresh, names):
    one, other = fresh.class_features(classes(*names))
    assert not torch.equal(one, other)


def test_one_class_name_of_two_datasets_is_no_twin(fresh):
    fresh.class_features([Candidate("forest", "a", ("{}",)), Candidate("forest", "b", ("{}",))])


def test_classes_that_differ_in_one_of_their_sentences_are_no_twins(fresh):
    both = [Candidate(name, "mine", (f"{LONG} {{}}", "{}")) for name in ("river", "forest")]
    one, other = fresh.class_features(both)
    assert not torch.equal(one, other)
    with pytest.raises(Mistake, match="'river' and 'forest'"):
        fresh.class_features([replace(each, templates=each.templates[:1]) for each in both])


def test_answers_with_the_same_tokens_are_told_of_once(fresh, caplog):
    answers = classes("5 cm", "5 CM", "left", template="{question} {}.")
    fresh.class_features(answers)
    fresh.class_features(answers, templates=1)
    assert len(caplog.messages) == 1
    assert "'5 cm' and '5 CM'" in caplog.messages[0]


def test_a_question_that_makes_room_for_its_answer_is_told_of_once(fresh, caplog):
    answers = classes("left lung", template="{question} {}.")
    prompts = AnswerPrompts(fresh, answers)
    (question,) = (tuple(ids[1:-1]) for ids in fresh.token_ids(["forest " * 74]))
    for _ in range(2):
        sentences = [
            first + rest for first, rest in prompts.sentences(prompts._classes[0], question)
        ]
        assert len(sentences[0]) == 77
    assert len(caplog.messages) == 1
    assert "before 'left lung'" in caplog.messages[0]


BIRDS = """version = 1
scenario = "joint"
datasets = ["birds"]
label_space = "dataset"
[dataset.birds]
templates = ["a photo of a {}.", "{} BEHIND"]
classes = ["wren", "kite"]
on_duplicates = "report"
[dataset.birds.source]
kind = "arrays"
path = "birds.npz"
splits = { train = ["x", "y"], test = ["x", "y"] }
"""


@pytest.mark.parametrize(
    ("behind", "told"), [(LONG, {"class_sentences": 2, "questions": 0}), ("above", None)]
)
def test_what_was_cut_is_counted_in_the_record(tmp_path, empty_home, behind, told):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 40, 40, 3), dtype=np.uint8)
    np.savez(tmp_path / "birds.npz", x=pixels, y=[0, 0, 1, 1])
    (tmp_path / "birds.toml").write_text(BIRDS.replace("BEHIND", behind))
    prepared = prepare(run_config(str(tmp_path / "birds.toml"), "zeroshot"))
    assert prepared.provenance.get("texts_cut") == told

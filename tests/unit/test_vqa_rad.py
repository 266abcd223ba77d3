"""VQA-RAD: the release's layout as it is published, its named splits, and the real data where they
are here.
"""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clvl_bench.core.errors import Damage, Missing
from clvl_bench.data.catalog.listing import find_questions
from clvl_bench.data.catalog.normalisers import NORMALISERS
from clvl_bench.data.catalog.vqa_sources import VqaRadSource
from clvl_bench.data.readers.vqa.reading import read_questions
from clvl_bench.data.readers.vqa.vqa_rad import question_type


def row(qid: int, phrase: str, image: str, **fields: str) -> dict[str, object]:
    """One entry with all the fields that the release has."""
    return {
        "qid": qid,
        "phrase_type": phrase,
        "qid_linked_id": f"link {qid}",
        "image_case_url": "https://x",
        "image_name": image,
        "image_organ": "HEAD",
        "evaluation": "evaluated",
        "question": f"Question {qid}?",
        "question_rephrase": "NULL",
        "question_relation": "NULL",
        "question_frame": "NULL",
        "question_type": "PRES",
        "answer": "Yes",
        "answer_type": "CLOSED",
        **fields,
    }


ROWS = [
    row(0, "freeform", "a.jpg", question_frame="Is/Are there a question?"),
    row(1, "para", "a.jpg", answer_type="CLOSED ", question_type="Other"),
    row(
        2,
        "freeform",
        "b.jpg",
        question_type="POS, PRES",
        answer="left lung",
        answer_type="OPEN",
        image_organ="CHEST",
    ),
    row(3, "freeform", "c.jpg", question_type="PRSE"),
    row(4, "test_freeform", "a.jpg", question_frame="Is/Are there a test?"),
    row(5, "test_para", "d.jpg", question_type="ATRIB", answer=3, answer_type="OPEN"),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for number, name in enumerate("abcd"):
        Image.fromarray(np.full((8, 9, 3), 40 * number, dtype=np.uint8)).save(
            tmp_path / "images" / f"{name}.jpg"
        )
    (tmp_path / "VQA_RAD_Dataset_Public.json").write_text(json.dumps(ROWS))
    return tmp_path


def declared(path: Path):
    known = find_questions("vqa_rad")
    return known.model_copy(
        update={
            "source": VqaRadSource(path=path),
            "partitions": {name: {} for name in known.partitions},
        }
    )


def words(dataset, split, partition="official"):
    return sorted(
        each.question for each in read_questions(dataset, split, partition=partition).questions
    )


def test_the_official_split_is_by_phrase_type(copy):
    assert words(declared(copy), "train") == [
        "Question 0?",
        "Question 1?",
        "Question 2?",
        "Question 3?",
    ]
    assert words(declared(copy), "test") == ["Question 4?", "Question 5?"]


def test_frames_add_rows_to_train_and_those_of_test_questions_are_named_apart(copy):
    official = words(declared(copy), "train")
    assert words(declared(copy), "train", "frames_train") == sorted(
        [*official, "Is/Are there a question?"]
    )
    assert words(declared(copy), "train", "frames") == sorted(
        [*official, "Is/Are there a question?", "Is/Are there a test?"]
    )
    assert words(declared(copy), "test", "frames") == words(declared(copy), "test")


def test_no_image_of_the_disjoint_split_is_on_both_sides_and_no_question_is_lost(copy):
    parts = [
        read_questions(declared(copy), split, partition="image_disjoint")
        for split in ("train", "test")
    ]
    images = [{each.image for each in part.questions} for part in parts]
    assert not images[0] & images[1]
    assert sum(map(len, parts)) == len(ROWS)


def test_types_organs_and_answers_are_read_by_the_stated_rule(copy):
    found = {
        each.question: each
        for part in ("train", "test")
        for each in read_questions(declared(copy), part).questions
    }
    assert [found[f"Question {number}?"].type for number in range(6)] == [
        "PRES",
        "OTHER",
        "POS",
        "PRES",
        "PRES",
        "ATTRIB",
    ]
    assert found["Question 1?"].answer_type == "CLOSED"
    assert found["Question 5?"].answer == "3"
    assert found["Question 2?"].organ == "CHEST"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("PRES, POS", "PRES"),
        ("Other", "OTHER"),
        ("ATRIB", "ATTRIB"),
        ("PRSE", "PRES"),
        (" SIZE , COLOR", "SIZE"),
    ],
)
def test_compound_and_misspelt_types_become_one(written, read):
    assert question_type(written) == read


def test_the_release_under_its_own_names_has_the_same_fingerprint(copy, tmp_path_factory):
    other = tmp_path_factory.mktemp("osf")
    (copy / "images").rename(other / "VQA_RAD Image Folder")
    (copy / "VQA_RAD_Dataset_Public.json").rename(other / "VQA_RAD Dataset Public.json")
    moved = read_questions(declared(other), "train").fingerprint
    (other / "VQA_RAD Image Folder").rename(copy / "images")
    (other / "VQA_RAD Dataset Public.json").rename(copy / "VQA_RAD_Dataset_Public.json")
    assert read_questions(declared(copy), "train").fingerprint == moved


def test_what_is_missing_or_broken_is_one_line(copy):
    with pytest.raises(Missing, match=r"datasets\.toml"):
        read_questions(find_questions("vqa_rad"), "train")
    (copy / "images" / "b.jpg").unlink()
    with pytest.raises(Missing, match=r"b\.jpg"):
        read_questions(declared(copy), "train")
    (copy / "VQA_RAD_Dataset_Public.json").write_text('[{"question": 1}]')
    with pytest.raises(Damage, match="phrase_type"):
        read_questions(declared(copy), "train")


def test_an_image_outside_the_folder_is_refused(copy):
    rows = [{**ROWS[0], "image_name": "../VQA_RAD_Dataset_Public.json"}]
    (copy / "VQA_RAD_Dataset_Public.json").write_text(json.dumps(rows))
    with pytest.raises(Damage, match="outside"):
        read_questions(declared(copy), "train")


@pytest.mark.slow
def test_the_real_data_have_the_published_counts(real_data):
    dataset = find_questions("vqa_rad").model_copy(
        update={"source": VqaRadSource(path=real_data / "vqa_rad")}
    )
    train, test = (read_questions(dataset, split) for split in ("train", "test"))
    assert (len(train), len(test)) == (1797, 451)
    assert Counter(each.answer_type for each in test.questions) == {
        "CLOSED": 272,
        "OPEN": 179,
    }  # MEVF's partition
    normalised = [NORMALISERS["med"](each.answer) for each in test.questions]
    assert (
        sum(answer in ("yes", "no") for answer in normalised) == 251
    )  # the other published partition: 251 / 200
    assert (len(test.images), len(set(test.hashes) & set(train.hashes))) == (203, 202)
    vocabulary = {NORMALISERS["med"](each.answer) for each in train.questions}
    assert sum(answer in vocabulary for answer in normalised) == 338  # the ceiling: 74.9 %
    published = json.loads((real_data / "vqa_rad" / "mevf_trainset.json").read_text())
    framed = read_questions(dataset, "train", partition="frames")
    assert len(published) == len(framed) == 3064
    apart = [
        read_questions(dataset, split, partition="image_disjoint") for split in ("train", "test")
    ]
    assert not set(apart[0].hashes) & set(apart[1].hashes)
    assert sum(map(len, apart)) == 2248

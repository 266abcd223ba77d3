"""The published layouts of questions, written by the test and read back: SLAKE, the hub's parquet,
VQA-Med, RSVQA, RSIVQA, VRSBench.
"""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from clvl_bench.core.errors import Damage, Missing, Mistake
from clvl_bench.data.catalog.listing import find_questions
from clvl_bench.data.catalog.vqa_sources import (
    QuestionParquetSource,
    QuestionTableSource,
    RsivqaSource,
    RsvqaSource,
    SlakeSource,
    VqaMedSource,
    VqaRadSource,
    VrsbenchSource,
)
from clvl_bench.data.readers.vqa.reading import read_questions
from clvl_bench.data.readers.vqa.rsvqa import binned


def picture(number: int, format_: str = "PNG") -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.full((6, 7, 3), 30 * number, dtype=np.uint8)).save(data, format_)
    return data.getvalue()


def put(path: Path, data: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


def declared(name: str, source):
    return find_questions(name).model_copy(
        update={"source": source, "partitions": {"official": {}}}
    )


def seen(dataset, split):
    return sorted(
        (each.question, each.answer, each.answer_type, each.type)
        for each in read_questions(dataset, split).questions
    )


def slake_row(image: str, language: str, question: str, answer: str) -> dict[str, object]:
    return {
        "img_id": 1,
        "img_name": image,
        "question": question,
        "answer": answer,
        "q_lang": language,
        "location": "Abdomen",
        "modality": "MRI",
        "answer_type": "OPEN",
        "base_type": "vqa",
        "content_type": "Modality",
        "triple": ["vhead", "_", "_"],
        "qid": 0,
    }


def test_slake_keeps_the_english_questions_or_both_languages(tmp_path):
    rows = [
        slake_row("xmlab1/source.jpg", "en", "What modality?", "MRI"),
        slake_row("xmlab1/source.jpg", "zh", "什么?", "核磁"),
    ]
    put(tmp_path / "train.json", json.dumps(rows))
    put(tmp_path / "imgs" / "xmlab1" / "source.jpg", picture(1, "JPEG"))
    english = declared("slake", SlakeSource(path=tmp_path))
    assert seen(english, "train") == [("What modality?", "MRI", "OPEN", "Modality")]
    (question,) = read_questions(english, "train").questions
    assert (question.organ, question.modality) == ("Abdomen", "MRI")
    assert len(seen(declared("slake", SlakeSource(path=tmp_path, language="all")), "train")) == 2
    with pytest.raises(Missing, match=r"test\.json"):
        read_questions(english, "test")


def test_the_hubs_parquet_is_read_with_or_without_its_optional_columns(tmp_path):
    cells = [{"bytes": picture(number), "path": None} for number in (1, 1, 2)]
    plain = {
        "image": cells,
        "question": ["is it?", "what is it?", "is it?"],
        "answer": ["Yes", "lung", "no"],
    }
    pq.write_table(pa.table(plain), tmp_path / "train-00000-of-00001.parquet")
    pq.write_table(
        pa.table({**plain, "answer_type": ["OPEN"] * 3}), tmp_path / "test-00000-of-00001.parquet"
    )
    dataset = declared("path_vqa", QuestionParquetSource(path=tmp_path))
    train = read_questions(dataset, "train")
    assert [kind for _, _, kind, _ in seen(dataset, "train")] == ["CLOSED", "CLOSED", "OPEN"]
    assert (len(train), len(train.images)) == (3, 2)
    assert {kind for _, _, kind, _ in seen(dataset, "test")} == {"OPEN"}
    pq.write_table(
        pa.table({"image": cells, "question": ["?"] * 3}), tmp_path / "train-00000-of-00001.parquet"
    )
    with pytest.raises(Mistake, match="'answer'"):
        read_questions(dataset, "train")


VOTES = ["no", "Yes", "no", "Yes", "maybe"]
"""Of five annotators: `no` and `Yes` are equally frequent, and `no` came first."""


@pytest.mark.parametrize(
    ("answers", "read", "unanswered"),
    [
        (["yes", None], ["yes"], 1),
        (["  ", "a  b"], ["a b"], 1),
        ([VOTES, ["Yes"]], ["Yes", "no"], 0),
        ([[], ["yes", None]], ["yes"], 1),
        ([[{"answer": "no"}, {"answer": "no"}], [{"answer": "yes"}]], ["no", "yes"], 0),
        ([1, 2], ["1", "2"], 0),
    ],
    ids=str,
)
def test_answers_are_one_text_by_the_stated_rule_or_left_out_and_counted(
    tmp_path, answers, read, unanswered
):
    """In every reader whose layout can say it."""
    cells = [{"bytes": picture(number), "path": None} for number in (1, 2)]
    table = pa.table({"image": cells, "question": ["is it?"] * 2, "answer": answers})
    pq.write_table(table, tmp_path / "train-00000-of-00001.parquet")
    slake = [
        slake_row("1.png", "en", "is it?", answers[0]),
        slake_row("2.png", "en", "is it?", answers[1]),
    ]
    put(tmp_path / "train.json", json.dumps(slake))
    fields = {"phrase_type": "freeform", "question_type": "PRES", "image_organ": "HEAD"}
    rad = []
    for number, answer in enumerate(answers, start=1):
        row = {"question": "is it?", "answer": answer, "answer_type": "OPEN", **fields}
        rad.append({"image_name": f"{number}.png", **row})
        for folder in ("imgs", "images"):
            put(tmp_path / folder / f"{number}.png", picture(number))
    put(tmp_path / "VQA_RAD_Dataset_Public.json", json.dumps(rad))
    columns = {"image": "image_name"}
    table = {"kind": "question_table", "images": "images", "columns": columns}
    files = {"train": "VQA_RAD_Dataset_Public.json"}
    for dataset in (
        declared("path_vqa", QuestionParquetSource(path=tmp_path)),
        declared("slake", SlakeSource(path=tmp_path)),
        declared("vqa_rad", VqaRadSource(path=tmp_path)),
        declared("path_vqa", QuestionTableSource(path=tmp_path, files=files, **table)),
    ):
        found = read_questions(dataset, "train")
        assert sorted(each.answer for each in found.questions) == read
        assert found.unanswered == unanswered


@pytest.mark.parametrize("answer", [0.5, True, {"text": "yes"}], ids=str)
def test_what_is_no_answer_is_refused_and_never_made_one(tmp_path, answer):
    cells = [{"bytes": picture(1), "path": None}]
    table = pa.table({"image": cells, "question": ["is it?"], "answer": [answer]})
    pq.write_table(table, tmp_path / "train-00000-of-00001.parquet")
    with pytest.raises(Mistake, match=r"the answer to 'is it\?' is .*; keep answers that are text"):
        read_questions(declared("path_vqa", QuestionParquetSource(path=tmp_path)), "train")


def test_vqa_med_types_come_from_the_category_files_and_from_the_test_lines(tmp_path):
    train, test = tmp_path / "ImageClef-2019-VQA-Med-Training", tmp_path / "VQAMed2019Test"
    put(train / "All_QA_Pairs_train.txt", "synpic1|what plane?|axial\nsynpic1|is it normal?|yes\n")
    for number, name in enumerate(("Modality", "Plane", "Organ", "Abnormality"), start=1):
        line = {
            "Plane": "synpic1|what plane?|axial\n",
            "Abnormality": "synpic1|is it normal?|yes\n",
        }.get(name, "")
        put(train / "QAPairsByCategory" / f"C{number}_{name}_train.txt", line)
    put(train / "Train_images" / "synpic1.jpg", picture(1, "JPEG"))
    put(
        test / "VQAMed2019_Test_Questions_w_Ref_Answers.txt",
        "synpic2|modality|what is it?|ct|mri\n",
    )
    put(test / "VQAMed2019_Test_Images" / "synpic2.jpg", picture(2, "JPEG"))
    dataset = declared("vqa_med_2019", VqaMedSource(path=tmp_path))
    assert seen(dataset, "train") == [
        ("is it normal?", "yes", "CLOSED", "abnormality"),
        ("what plane?", "axial", "OPEN", "plane"),
    ]
    assert seen(dataset, "test") == [("what is it?", "ct|mri", "OPEN", "modality")]


def rsvqa(top: Path, *, bare: bool) -> None:
    """Two tiles, three questions; the last entries belong to another split. With `bare` the words
    lie in the whole files.
    """
    texts = [
        ("presence", "Is there a road?", "yes"),
        ("count", "How many buildings?", "37"),
        ("count", "How many roads?", "0"),
    ]
    questions = [
        {
            "id": row,
            "date_added": 0,
            "img_id": row % 2,
            "people_id": 0,
            "type": kind,
            "question": text,
            "answers_ids": [row],
            "active": True,
        }
        for row, (kind, text, _) in enumerate(texts)
    ]
    answers = [
        {"id": row, "question_id": row, "answer": answer, "active": True}
        for row, (_, _, answer) in enumerate(texts)
    ]
    for key, entries in (("questions", questions), ("answers", answers)):
        split = [{"id": entry["id"], "active": True} for entry in entries] if bare else entries
        put(
            top / f"LR_split_train_{key}.json",
            json.dumps({key: [*split, {"id": 3, "active": False}]}),
        )
        put(top / f"all_{key}.json", json.dumps({key: entries}))
    put(top / "LR_split_train_images.json", json.dumps({"images": []}))
    for number in range(2):
        put(top / "Images_LR" / f"{number}.tif", picture(number + 1, "TIFF"))


@pytest.mark.parametrize("bare", [False, True])
def test_rsvqa_reads_active_entries_wherever_their_words_lie(tmp_path, bare):
    rsvqa(tmp_path, bare=bare)
    dataset = declared("rsvqa_lr", RsvqaSource(prefix="LR", path=tmp_path))
    assert seen(dataset, "train") == [
        ("How many buildings?", "between 11 and 100", "OPEN", "count"),
        ("How many roads?", "0", "OPEN", "count"),
        ("Is there a road?", "yes", "CLOSED", "presence"),
    ]
    exact = declared("rsvqa_lr", RsvqaSource(prefix="LR", path=tmp_path, binned=False))
    assert [answer for _, answer, _, _ in seen(exact, "train")] == ["37", "0", "yes"]


def test_rsvqa_and_vqa_med_leave_out_what_has_no_answer(tmp_path):
    rsvqa(tmp_path, bare=False)
    file = tmp_path / "LR_split_train_answers.json"
    answers = json.loads(file.read_text())
    answers["answers"][0]["answer"] = None
    put(file, json.dumps(answers))
    top = tmp_path / "ImageClef-2019-VQA-Med-Training"
    put(top / "All_QA_Pairs_train.txt", "synpic1|what plane?|axial\nsynpic1|is it normal?|\n")
    for name in ("C1_Modality", "C2_Plane", "C3_Organ", "C4_Abnormality"):
        put(top / "QAPairsByCategory" / f"{name}_train.txt", "")
    put(top / "Train_images" / "synpic1.jpg", picture(1, "JPEG"))
    for dataset, count in (
        (declared("rsvqa_lr", RsvqaSource(prefix="LR", path=tmp_path)), 2),
        (declared("vqa_med_2019", VqaMedSource(path=tmp_path)), 1),
    ):
        found = read_questions(dataset, "train")
        assert (len(found), found.unanswered) == (count, 1)


@pytest.mark.parametrize(
    ("number", "bin_"),
    [
        ("0", "0"),
        ("1", "between 1 and 10"),
        ("10", "between 1 and 10"),
        ("11", "between 11 and 100"),
        ("1000", "between 101 and 1000"),
        ("1001", "more than 1000"),
        ("rural", "rural"),
    ],
)
def test_counts_fall_into_the_published_bins(number, bin_):
    assert binned(number) == bin_


def test_areas_fall_into_bins_of_square_metres():
    assert (binned("0m2", unit="m2"), binned("5000m2", unit="m2")) == ("0m2", "more than 1000m2")


def test_rsivqa_lines_are_image_question_answer(tmp_path):
    lines = [
        f"{number + 1}.tif:what is the theme of this picture?agricultural" for number in range(30)
    ]
    put(tmp_path / "ucm_vqa.txt", "\n".join([*lines, "1.tif:is there a car?no", ""]))
    for number in range(30):
        data = io.BytesIO()
        Image.fromarray(np.full((4, 4, 3), number, dtype=np.uint8)).save(data, "TIFF")
        put(tmp_path / "Images" / "agricultural" / f"{number + 1}.tif", data.getvalue())
    dataset = declared("rsivqa_ucm", RsivqaSource(path=tmp_path, text=tmp_path / "ucm_vqa.txt"))
    train, test = read_questions(dataset, "train"), read_questions(dataset, "test")
    assert len(train) + len(test) == 31
    assert 0 < len(test) < 15
    assert not {each.image for each in train.questions} & {each.image for each in test.questions}
    put(tmp_path / "ucm_vqa.txt", "no colon here\n")
    with pytest.raises(Damage, match="line 1"):
        read_questions(dataset, "train")


def test_vrsbench_is_conversations_to_learn_from_and_rows_to_be_tested_by(tmp_path):
    def said(image, human, answer):
        turns = [{"from": "human", "value": human}, {"from": "gpt", "value": answer}]
        return {"id": "1", "image": image, "conversations": turns}

    behind = ". A short answer to the question is"
    conversations = [
        said("P1_0001.png", "<image>\n[caption] Describe the contents of this image.", "A port."),
        said("P1_0001.png", f"<image>\n[vqa] Is there a ship?{behind}", "Yes"),
        said("P1_0001.png", f"<image>\n[vqa] What color is the ship{behind}", "white"),
        said("P1_0001.png", "<image>\n[refer] Where is <p>the ship</p>?", "{<1><2><3><4>}"),
    ]
    row = {
        "image_id": "P2_0007.png",
        "question": "How many cars are there?",
        "ground_truth": "3",
        "question_id": 0,
        "type": "object quantity",
        "dataset": "VRSBench",
    }
    put(tmp_path / "VRSBench_train.json", json.dumps(conversations))
    put(tmp_path / "VRSBench_EVAL_vqa.json", json.dumps([row]))
    for folder, name in (
        ("Images_train/Images_train", "P1_0001.png"),
        ("Images_val/Images_val", "P2_0007.png"),
    ):
        data = io.BytesIO()
        Image.fromarray(np.full((4, 4, 3), len(folder), dtype=np.uint8)).save(data, "PNG")
        put(tmp_path / folder / name, data.getvalue())
    dataset = declared("vrsbench", VrsbenchSource(path=tmp_path))
    assert seen(dataset, "train") == [
        ("Is there a ship?", "Yes", "CLOSED", "not stated"),
        ("What color is the ship", "white", "OPEN", "not stated"),
    ]
    assert seen(dataset, "test") == [("How many cars are there?", "3", "OPEN", "object quantity")]
    put(tmp_path / "VRSBench_train.json", json.dumps([{"image": "P1_0001.png"}]))
    with pytest.raises(Damage, match="holds no rows as published"):
        read_questions(dataset, "train")
    (tmp_path / "VRSBench_EVAL_vqa.json").unlink()
    with pytest.raises(Missing, match="get it from xiang709/VRSBench"):
        read_questions(dataset, "test")

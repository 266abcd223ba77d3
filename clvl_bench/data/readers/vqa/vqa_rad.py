"""VQA-RAD as released on OSF: `VQA_RAD Dataset Public.json` and a folder of images.

`question_type` holds compounds and misspellings. The rule: upper case, the first of several types,
and the two misspellings below read as what they stand for. `phrase_type` says which questions are
test questions.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clvl_bench.core.errors import Damage, Missing
from clvl_bench.core.files import read_json
from clvl_bench.core.rng import seed_of
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.catalog.vqa_sources import VqaRadSource
from clvl_bench.data.readers.encoded import encoded_split, file_bytes, leaves
from clvl_bench.data.readers.question_split import Question, QuestionSplit, question_split
from clvl_bench.data.readers.split import Split
from clvl_bench.data.readers.vqa.answers import one_answer

JSON_NAMES = ("VQA_RAD_Dataset_Public.json", "VQA_RAD Dataset Public.json")
IMAGE_FOLDERS = ("images", "VQA_RAD Image Folder")
FIELDS = (
    "phrase_type",
    "question",
    "answer",
    "answer_type",
    "question_type",
    "image_organ",
    "image_name",
)
MISSPELT = {"ATRIB": "ATTRIB", "PRSE": "PRES"}
TEST_SHARE = 0.2
"""Of the images, for the split `image_disjoint`."""


def read(dataset: VqaDataset, split: str, partition: str) -> QuestionSplit:
    """One part of a named split.

    Raises:
        Missing: the JSON file, the image folder, or an image that a question names is not there.
        Damage: the JSON is not that of VQA-RAD, or an image cannot be decoded.
    """
    source = dataset.source
    assert isinstance(source, VqaRadSource)
    assert source.path is not None
    rows = _rows(dataset.name, source.path)
    images = _images(dataset.name, source, sorted({str(row["image_name"]) for row in rows}))
    if partition == "image_disjoint":
        testing = images_for_testing(rows, images)
        chosen = [row for row in rows if (row["image_name"] in testing) == (split == "test")]
    else:
        chosen = [row for row in rows if _is_test(row) == (split == "test")]
    asked = [(row, str(row["question"])) for row in chosen]
    if split == "train" and partition in ("frames", "frames_train"):
        # `frames` trains on the frames of all questions, those of test questions included.
        framed = rows if partition == "frames" else chosen
        asked += [(row, _frame(row)) for row in framed if _frame(row)]
    where = f"dataset.{dataset.name}.source"
    questions = []
    for row, text in asked:
        answer = one_answer(where, text, row["answer"])
        if answer is not None:
            questions.append(_question(row, text, answer))
    return question_split(questions, images, unanswered=len(asked) - len(questions))


def question_type(written: str) -> str:
    """`POS, PRES` -> POS; `Other` -> OTHER; `ATRIB` -> ATTRIB."""
    first = written.split(",")[0].strip().upper()
    return MISSPELT.get(first, first)


def images_for_testing(rows: Sequence[dict[str, Any]], images: Split) -> set[str]:
    """A fifth of the images of each organ, drawn by content, so that file names do not matter and
    copies stay together.
    """
    identity = dict(zip(images.keys, images.hashes, strict=True))
    organs: dict[str, set[str]] = {}
    for row in rows:
        if row["image_name"] in identity:
            organs.setdefault(row["image_organ"], set()).add(row["image_name"])
    testing: set[str] = set()
    for names in organs.values():
        ranked = sorted(names, key=lambda name: seed_of("image disjoint", identity[name]))
        testing |= set(ranked[: round(TEST_SHARE * len(ranked))])
    return testing


def _rows(name: str, path: Path) -> list[dict[str, Any]]:
    files = [path / each for each in JSON_NAMES]
    file = next((each for each in files if each.is_file()), None)
    if file is None:
        raise Missing(
            f"{name}: {path} has no file {JSON_NAMES[0]}; name the folder that the release was "
            f"unpacked to"
        )
    try:
        rows = read_json(file)
        for row in rows:
            for field in FIELDS:
                row[field]  # a KeyError where it is missing
    except (ValueError, KeyError, TypeError) as error:
        raise Damage(
            f"{name}: {file} is not the release's JSON ({type(error).__name__}: {error}); get it "
            f"again"
        ) from None
    return list(rows)


def _images(name: str, source: VqaRadSource, names: Sequence[str]) -> Split:
    assert source.path is not None
    folders = [source.path / each for each in IMAGE_FOLDERS]
    folder = next((each for each in folders if each.is_dir()), None)
    if folder is None:
        raise Missing(
            f"{name}: {source.path} has no folder {' or '.join(IMAGE_FOLDERS)}; put the release's "
            f"images there"
        )
    return image_files(name, folder, names, policy=source.on_damage)


def image_files(name: str, folder: Path, names: Sequence[str], *, policy: str) -> Split:
    """Images of a folder by the names that questions give them.

    Raises:
        Missing: one of them is not there.
        Damage: one of them lies outside the folder, or cannot be decoded.
    """
    files = [folder / each for each in names]
    for file in files:
        if leaves(file, folder):
            raise Damage(
                f"{name}: the image '{file.name}' lies outside {folder}; put a copy in its place"
            )
        if not file.is_file():
            raise Missing(
                f"{name}: {folder} has no image {file.relative_to(folder)}, which a question is "
                f"about"
            )
    labels = np.zeros(len(files), dtype=np.int64)
    return encoded_split(
        name,
        ("image",),
        names,
        labels,
        lambda row: file_bytes(files[row]),
        files=files,
        policy=policy,
    )


def _question(row: dict[str, Any], text: str, answer: str) -> Question:
    return Question(
        image=str(row["image_name"]),
        question=" ".join(text.split()),
        answer=answer,
        answer_type=str(row["answer_type"]).strip().upper(),
        type=question_type(str(row["question_type"])),
        organ=str(row["image_organ"]).strip().upper(),
    )


def _is_test(row: dict[str, Any]) -> bool:
    return str(row["phrase_type"]).startswith("test")


def _frame(row: dict[str, Any]) -> str:
    """The question in the frame that its writers were given, or nothing."""
    frame = row.get("question_frame")
    return "" if frame in (None, "NULL") else str(frame).strip()

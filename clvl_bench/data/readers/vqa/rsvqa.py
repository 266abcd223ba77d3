"""RSVQA at low and high resolution as published on Zenodo: three JSON files a split, and a folder
of GeoTIFF tiles.

An entry that is not `active` belongs to another split. Where an active entry of a split's file is
bare, its words are in `all_questions.json` and `all_answers.json` (high resolution:
`USGSquestions.json`, `USGSanswers.json`), under the same id.
"""

import re
from pathlib import Path
from typing import Any

from clvl_bench.core.errors import Damage, Missing
from clvl_bench.core.files import read_json
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.catalog.vqa_sources import RsvqaSource
from clvl_bench.data.readers.question_split import (
    CLOSED,
    OPEN,
    Question,
    QuestionSplit,
    question_split,
)
from clvl_bench.data.readers.vqa.answers import one_answer
from clvl_bench.data.readers.vqa.vqa_rad import image_files

FOLDERS = {"LR": ("Images_LR", "data"), "USGS": ("Data", "Images_HR")}
WHOLE = {
    "LR": ("all_questions.json", "all_answers.json"),
    "USGS": ("USGSquestions.json", "USGSanswers.json"),
}
SPLITS = {"train": "train", "valid": "val", "test": "test"}
BINS = (
    (0, "0"),
    (10, "between 1 and 10"),
    (100, "between 11 and 100"),
    (1000, "between 101 and 1000"),
)
MORE = "more than 1000"


def read(dataset: VqaDataset, split: str, partition: str) -> QuestionSplit:
    """One split.

    Raises:
        Missing: a file, the folder or an image is not there.
        Damage: a file is not RSVQA's JSON, or an image cannot be decoded.
    """
    source = dataset.source
    assert isinstance(source, RsvqaSource)
    assert source.path is not None
    top = source.path
    prefix = f"{source.prefix}_split_{SPLITS[split]}"
    folders = [top / name for name in FOLDERS[source.prefix]]
    folder = next((each for each in folders if each.is_dir()), None)
    if folder is None:
        raise Missing(
            f"{dataset.name}: {top} has no folder {FOLDERS[source.prefix][0]}; unpack the images "
            f"there"
        )
    where = f"dataset.{dataset.name}.source"
    all_questions, all_answers = WHOLE[source.prefix]
    questions = _entries(dataset.name, top, f"{prefix}_questions.json", "questions", all_questions)
    answers = _entries(dataset.name, top, f"{prefix}_answers.json", "answers", all_answers)
    try:
        told = [_question(entry, answers, source, where) for entry in questions.values()]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise Damage(
            f"{dataset.name}: {prefix}_questions.json is not RSVQA's ({type(error).__name__}: "
            f"{error})"
        ) from None
    found = [each for each in told if each is not None]
    names = sorted({each.image for each in found})
    images = image_files(dataset.name, folder, names, policy=source.on_damage)
    return question_split(found, images, unanswered=len(told) - len(found))


def binned(answer: str, *, unit: str = "") -> str:
    """A number in the bins of the published code; what is no number stays."""
    number = re.fullmatch(rf"(\d+){unit}", answer)
    if number is None:
        return answer
    value = int(number[1])
    for highest, name in BINS:
        if value <= highest:
            return re.sub(r"(\d+)", rf"\1{unit}", name)
    return re.sub(r"(\d+)", rf"\1{unit}", MORE)


def _question(
    entry: dict[str, Any], answers: dict[int, dict[str, Any]], source: RsvqaSource, where: str
) -> Question | None:
    """A question with its answer; None where it has none."""
    kind = str(entry["type"])
    told = answers[entry["answers_ids"][0]]["answer"]
    answer = one_answer(where, entry["question"], told)
    if answer is None:
        return None
    if source.binned:
        if source.prefix == "LR" and kind == "count":
            answer = binned(answer)
        elif kind == "area":
            answer = binned(answer, unit="m2")
    answer_type = CLOSED if answer in ("yes", "no", "rural", "urban") else OPEN
    return Question(
        f"{entry['img_id']}.tif", " ".join(entry["question"].split()), answer, answer_type, kind
    )


def _entries(name: str, top: Path, file: str, key: str, whole: str) -> dict[int, dict[str, Any]]:
    """The active entries by id, with their words."""
    active = [entry for entry in _load(name, top / file, key) if entry.get("active")]
    words = {}
    if any(len(entry) <= 2 for entry in active):  # bare: an id and `active`
        words = {entry["id"]: entry for entry in _load(name, top / whole, key)}
    return {entry["id"]: words.get(entry["id"], {}) | entry for entry in active}


def _load(name: str, file: Path, key: str) -> list[dict[str, Any]]:
    try:
        entries: list[dict[str, Any]] = read_json(file)[key]
        return entries
    except FileNotFoundError:
        raise Missing(
            f"{name}: {file} is not there; get all files of the release into one folder"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise Damage(
            f"{name}: {file} is not RSVQA's JSON ({type(error).__name__}: {error}); get it again"
        ) from None

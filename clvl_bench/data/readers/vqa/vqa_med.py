"""VQA-Med 2019 as its organisers publish it: text files of `image|question|answer`, one folder a
split.

Training questions get their type from the files of QAPairsByCategory, test questions from the
second field of their own line.
"""

from pathlib import Path

from clvl_bench.core.errors import Damage, Missing
from clvl_bench.core.files import read_text
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.catalog.vqa_sources import VqaMedSource
from clvl_bench.data.readers.question_split import (
    CLOSED,
    OPEN,
    Question,
    QuestionSplit,
    question_split,
)
from clvl_bench.data.readers.vqa.vqa_rad import image_files

TRAIN = "ImageClef-2019-VQA-Med-Training"
TEST = "VQAMed2019Test"
CATEGORIES = {
    "modality": "C1_Modality_train.txt",
    "plane": "C2_Plane_train.txt",
    "organ": "C3_Organ_train.txt",
    "abnormality": "C4_Abnormality_train.txt",
}


def read(dataset: VqaDataset, split: str, partition: str) -> QuestionSplit:
    """One split.

    Raises:
        Missing: a file, a folder or an image is not there.
        Damage: a line has other fields, or an image cannot be decoded.
    """
    source = dataset.source
    assert isinstance(source, VqaMedSource)
    assert source.path is not None
    if split == "test":
        told = _test_questions(dataset.name, source.path / TEST)
        folder = source.path / TEST / "VQAMed2019_Test_Images"
    else:
        told = _training_questions(dataset.name, source.path / TRAIN)
        folder = source.path / TRAIN / "Train_images"
    found = [each for each in told if each.answer]
    names = sorted({each.image for each in found})
    images = image_files(dataset.name, folder, names, policy=source.on_damage)
    return question_split(found, images, unanswered=len(told) - len(found))


def _test_questions(name: str, top: Path) -> list[Question]:
    found = []
    lines = _lines(name, top / "VQAMed2019_Test_Questions_w_Ref_Answers.txt", fields=4)
    for image, kind, question, answer in lines:
        found.append(_question(image, question, answer, kind.strip().lower()))
    return found


def _training_questions(name: str, top: Path) -> list[Question]:
    kinds: dict[tuple[str, str], str] = {}
    for kind, file in CATEGORIES.items():
        for image, question, _ in _lines(name, top / "QAPairsByCategory" / file, fields=3):
            kinds[image, question] = kind
    found = []
    for image, question, answer in _lines(name, top / "All_QA_Pairs_train.txt", fields=3):
        found.append(_question(image, question, answer, kinds.get((image, question), "")))
    return found


def _lines(name: str, file: Path, *, fields: int) -> list[list[str]]:
    if not file.is_file():
        raise Missing(f"{name}: {file} is not there; unpack the organisers' archives side by side")
    lines = read_text(file, errors="replace").splitlines()
    rows = [line.split("|") for line in lines if line.strip()]
    for number, row in enumerate(rows, start=1):
        if len(row) < fields:
            raise Damage(
                f"{name}: {file.name}, line {number}: has {len(row)} fields, {fields} are "
                f"published; get it again"
            )
    # An answer may hold the separator itself: what is too much belongs to it.
    return [[*row[: fields - 1], "|".join(row[fields - 1 :])] for row in rows]


def _question(image: str, question: str, answer: str, kind: str) -> Question:
    answer = " ".join(answer.split())
    answer_type = CLOSED if answer.lower() in ("yes", "no") else OPEN
    stated = {"type": kind} if kind else {}
    return Question(
        f"{image.strip()}.jpg", " ".join(question.split()), answer, answer_type, **stated
    )

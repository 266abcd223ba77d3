"""SLAKE as its authors publish it: train.json, validate.json, test.json, and
imgs/xmlab<n>/source.jpg.

`language` "en" keeps the English questions, as the field's tables do; "all" keeps both languages.
"""

from typing import Any

from clvl_bench.core.errors import Damage, Missing
from clvl_bench.core.files import read_json
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.catalog.vqa_sources import SlakeSource
from clvl_bench.data.readers.question_split import Question, QuestionSplit, question_split
from clvl_bench.data.readers.vqa.answers import one_answer
from clvl_bench.data.readers.vqa.vqa_rad import image_files

FILES = {
    "train": ("train.json",),
    "valid": ("validate.json", "validation.json"),
    "test": ("test.json",),
}
FOLDERS = ("imgs", "img")


def read(dataset: VqaDataset, split: str, partition: str) -> QuestionSplit:
    """One split.

    Raises:
        Missing: a file, the image folder or an image is not there.
        Damage: a file is not SLAKE's JSON, or an image cannot be decoded.
    """
    source = dataset.source
    assert isinstance(source, SlakeSource)
    assert source.path is not None
    files = [source.path / name for name in FILES[split]]
    file = next((each for each in files if each.is_file()), None)
    if file is None:
        raise Missing(f"{dataset.name}: {source.path} has no {FILES[split][0]} ({split})")
    folders = [source.path / name for name in FOLDERS]
    folder = next((each for each in folders if each.is_dir()), None)
    if folder is None:
        raise Missing(f"{dataset.name}: {source.path} has no {FOLDERS[0]} ({split})")
    try:
        rows = read_json(file)
        if source.language != "all":
            rows = [row for row in rows if row["q_lang"] == source.language]
        where = f"dataset.{dataset.name}: {file.name}"
        answers = [one_answer(where, row["question"], row["answer"]) for row in rows]
        questions = []
        for row, answer in zip(rows, answers, strict=True):
            if answer is not None:
                questions.append(_question(row, answer))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damage(
            f"{dataset.name}: {file} is not SLAKE's JSON ({type(error).__name__}: {error}); get it "
            f"again"
        ) from None
    names = sorted({each.image for each in questions})
    images = image_files(dataset.name, folder, names, policy=source.on_damage)
    return question_split(questions, images, unanswered=answers.count(None))


def _question(row: dict[str, Any], answer: str) -> Question:
    return Question(
        image=row["img_name"],
        question=" ".join(row["question"].split()),
        answer=answer,
        answer_type=row["answer_type"].strip().upper(),
        type=row["content_type"].strip(),
        organ=row["location"].strip(),
        modality=row["modality"].strip(),
    )

"""SLAKE as its authors publish it: train.json, validate.json, test.json, and
imgs/xmlab<n>/source.jpg.

`language` "en" keeps the English questions, as the field's tables do; "all" keeps both languages.
"""

import json

from clvl_bench.core.errors import Damage, Missing
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.catalog.vqa_sources import SlakeSource
from clvl_bench.data.readers.question_split import Question, QuestionSplit, question_split
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
    file = next(
        (source.path / name for name in FILES[split] if (source.path / name).is_file()), None
    )
    folder = next((source.path / name for name in FOLDERS if (source.path / name).is_dir()), None)
    if file is None or folder is None:
        raise Missing(
            f"{dataset.name}: {source.path} has no "
            f"{FILES[split][0] if file is None else FOLDERS[0]} ({split})"
        )
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
        kept = [row for row in rows if source.language == "all" or row["q_lang"] == source.language]
        questions = [
            Question(
                image=row["img_name"],
                question=" ".join(row["question"].split()),
                answer=" ".join(str(row["answer"]).split()),
                answer_type=row["answer_type"].strip().upper(),
                type=row["content_type"].strip(),
                organ=row["location"].strip(),
                modality=row["modality"].strip(),
            )
            for row in kept
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damage(
            f"{dataset.name}: {file} is not SLAKE's JSON ({type(error).__name__}: {error}); get it "
            f"again"
        ) from None
    names = sorted({each.image for each in questions})
    return question_split(
        questions, image_files(dataset.name, folder, names, policy=source.on_damage)
    )

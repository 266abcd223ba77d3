"""VRSBench as published: `VRSBench_train.json`, conversations of which those about questions begin
with `[vqa]`; `VRSBench_EVAL_vqa.json`, a row a question; and the folders `Images_train` and
`Images_val`, which archives may have put into folders of the same names.

A question of the first ends in an instruction to answer briefly, which the second does not have: it
is left out. Only the second says what type a question is of.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from clvl_bench.core.errors import Damage, Missing
from clvl_bench.core.files import read_json
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.catalog.vqa_sources import VrsbenchSource
from clvl_bench.data.readers.question_split import (
    CLOSED,
    OPEN,
    Question,
    QuestionSplit,
    question_split,
)
from clvl_bench.data.readers.vqa.vqa_rad import image_files

FILES = {"train": "VRSBench_train.json", "test": "VRSBench_EVAL_vqa.json"}
FOLDERS = {"train": "Images_train", "test": "Images_val"}
TASK = "[vqa]"
_INSTRUCTION = re.compile(r"[.\s]*A short answer to the question is\s*$")


def read(dataset: VqaDataset, split: str, partition: str) -> QuestionSplit:
    """The questions of one part.

    Raises:
        Missing: the file, or an image that is asked about, is not there.
        Damage: the file is no list of such rows, or an image cannot be decoded.
    """
    source = dataset.source
    assert isinstance(source, VrsbenchSource)
    assert source.path is not None
    file = source.path / FILES[split]
    of_row = _of_conversation if split == "train" else _of_evaluation
    questions = _questions(dataset.name, file, of_row)
    folder = source.path / FOLDERS[split]
    path_of = {path.name: str(path.relative_to(folder)) for path in sorted(folder.rglob("*.*"))}
    names = sorted({each.image for each in questions})
    missing = [name for name in names if name not in path_of]
    if missing:
        raise Missing(
            f"{dataset.name}: {folder} has no image {missing[0]} (and {len(missing) - 1} more) "
            f"that is asked about"
        )
    paths = [path_of[name] for name in names]
    images = image_files(dataset.name, folder, paths, policy=source.on_damage)
    placed = [replace(each, image=path_of[each.image]) for each in questions]
    return question_split(placed, images)


def _questions(
    name: str, file: Path, of_row: Callable[[dict[str, Any]], Question | None]
) -> list[Question]:
    try:
        rows = read_json(file)
        found = [of_row(row) for row in rows]
    except FileNotFoundError:
        raise Missing(f"{name}: {file} is not there; get it from xiang709/VRSBench") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise Damage(
            f"{name}: {file.name} holds no rows as published ({error!r}); get it again"
        ) from None
    return [each for each in found if each is not None]


def _of_conversation(row: dict[str, Any]) -> Question | None:
    """A question and its answer; None for captions and for what is to be found in an image."""
    asked, answered = (str(turn["value"]) for turn in row["conversations"][:2])
    if TASK not in asked:
        return None
    text = _INSTRUCTION.sub("", asked.partition(TASK)[2])
    return _question(row["image"], text, answered)


def _of_evaluation(row: dict[str, Any]) -> Question:
    return _question(row["image_id"], row["question"], row["ground_truth"], type=str(row["type"]))


def _question(image: str, text: str, answer: str, **more: str) -> Question:
    words = " ".join(answer.split())
    closed = words.lower().rstrip(".") in ("yes", "no")
    kind = CLOSED if closed else OPEN
    return Question(Path(image).name, " ".join(text.split()), words, kind, **more)

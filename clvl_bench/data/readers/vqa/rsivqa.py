"""RSIVQA as published: one text file of lines `image:question?answer` for each set of images, no
split.

Images are the sets' own (UC Merced, Sydney, AID), found by file name anywhere below `path`. Which
of them are for testing is drawn by content, so that copies of an image fall on one side.
"""

from dataclasses import replace
from pathlib import Path

from clvl_bench.core.errors import Damage, Missing
from clvl_bench.core.files import read_text
from clvl_bench.core.rng import seed_of
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.catalog.vqa_sources import RsivqaSource
from clvl_bench.data.readers.question_split import (
    CLOSED,
    OPEN,
    Question,
    QuestionSplit,
    question_split,
)
from clvl_bench.data.readers.vqa.vqa_rad import image_files


def read(dataset: VqaDataset, split: str, partition: str) -> QuestionSplit:
    """One part of the stated share.

    Raises:
        Missing: the text file or an image is not there.
        Damage: a line is not `image:question?answer`, or an image cannot be decoded.
    """
    source = dataset.source
    assert isinstance(source, RsivqaSource)
    assert source.path is not None
    file = source.path / str(source.text)
    if source.text is not None and source.text.is_file():
        file = source.text
    if not file.is_file():
        raise Missing(
            f"{dataset.name}: {file} is not there; set text to the file of questions, for example "
            f"ucm_vqa.txt"
        )
    questions = _questions(dataset.name, file)
    path_of = _paths(source.path)
    names = sorted({each.image for each in questions})
    missing = [name for name in names if name not in path_of]
    if missing:
        raise Missing(
            f"{dataset.name}: {source.path} has no image {missing[0]} (and {len(missing) - 1} "
            f"more) that is asked about"
        )
    paths = [path_of[name] for name in names]
    images = image_files(dataset.name, source.path, paths, policy=source.on_damage)
    for_testing = set()
    for path, identity in zip(images.keys, images.hashes, strict=True):
        if seed_of("rsivqa", identity) / 2**63 < source.test_fraction:
            for_testing.add(path)
    chosen = []
    for each in questions:
        path = path_of[each.image]
        if (path in for_testing) == (split == "test"):
            chosen.append(replace(each, image=path))
    return question_split(chosen, images)


def _questions(name: str, file: Path) -> list[Question]:
    lines = read_text(file, errors="replace").splitlines()
    written = [line for line in lines if line.strip()]
    return [_question(name, number, line) for number, line in enumerate(written, start=1)]


def _paths(top: Path) -> dict[str, str]:
    """For each file name the path of such a file below the folder, the last one in their order."""
    files = [path for path in sorted(top.rglob("*")) if path.is_file()]
    return {file.name: str(file.relative_to(top)) for file in files}


def _question(name: str, number: int, line: str) -> Question:
    image, colon, rest = line.partition(":")
    question, mark, answer = rest.rpartition("?")
    if not colon or not mark or not answer.strip():
        raise Damage(
            f"{name}: line {number} is not 'image:question?answer': '{line[:60]}'; get the file "
            f"again"
        )
    answer = " ".join(answer.split())
    return Question(
        Path(image.strip()).name,
        f"{question.strip()}?",
        answer,
        CLOSED if answer.lower() in ("yes", "no") else OPEN,
    )

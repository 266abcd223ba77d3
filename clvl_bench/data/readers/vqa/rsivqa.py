"""RSIVQA as published: one text file of lines `image:question?answer` for each set of images, no
split.

Images are the sets' own (UC Merced, Sydney, AID), found by file name anywhere below `path`. Which
of them are for testing is drawn by content, so that copies of an image fall on one side.
"""

from pathlib import Path

from clvl_bench.core.errors import Damage, Missing
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
    file = (
        source.text
        if source.text is not None and source.text.is_file()
        else source.path / str(source.text)
    )
    if not file.is_file():
        raise Missing(
            f"{dataset.name}: {file} is not there; set text to the file of questions, for example "
            f"ucm_vqa.txt"
        )
    lines = [
        line
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.strip()
    ]
    questions = [
        _question(dataset.name, number, line) for number, line in enumerate(lines, start=1)
    ]
    where = {
        found.name: str(found.relative_to(source.path))
        for found in sorted(source.path.rglob("*"))
        if found.is_file()
    }
    names = sorted({each.image for each in questions})
    absent = [name for name in names if name not in where]
    if absent:
        raise Missing(
            f"{dataset.name}: {source.path} has no image {absent[0]} (and {len(absent) - 1} more) "
            f"that is asked about"
        )
    images = image_files(
        dataset.name, source.path, [where[name] for name in names], policy=source.on_damage
    )
    identity = dict(zip(images.keys, images.hashes, strict=True))
    placed = [Question(where[each.image], *_words(each)) for each in questions]
    testing = {
        key
        for key, value in identity.items()
        if seed_of("rsivqa", value) / 2**63 < source.test_fraction
    }
    return question_split(
        [each for each in placed if (each.image in testing) == (split == "test")], images
    )


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


def _words(each: Question) -> tuple[str, str, str]:
    return each.question, each.answer, each.answer_type

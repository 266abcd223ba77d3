"""Sources of questions: where the questions, answers and images of a VQA dataset lie, in which
published layout.

The reader named after a source's `kind` (in `readers/vqa/`) reads it. `path` is left out of a
declaration whose data must not be pinned: a benchmark file names the copy.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from clvl_bench.core.schema import Schema
from clvl_bench.data.catalog.sources import DamagePolicy, ToyPart


class _Copy(Schema):
    """A folder of one's own in a published layout."""

    path: Path | None = None
    on_damage: DamagePolicy = "error"


class ToyQuestionsSource(Schema):
    """Questions that follow from the facts of a toy world's pictures."""

    kind: Literal["toy_questions"] = "toy_questions"
    world: str
    parts: dict[str, ToyPart]


class VqaRadSource(_Copy):
    """The OSF release: one JSON file with all questions, and a folder of images."""

    kind: Literal["vqa_rad"] = "vqa_rad"


class QuestionParquetSource(_Copy):
    """The hub's layout: parquet files with the columns image, question and answer; `files` maps a
    split to a pattern.
    """

    kind: Literal["question_parquet"] = "question_parquet"
    files: dict[str, str] = {"train": "**/train-*.parquet", "test": "**/test-*.parquet"}


class SlakeSource(_Copy):
    """The authors' release: train.json, validate.json, test.json, and imgs/xmlab<n>/source.jpg."""

    kind: Literal["slake"] = "slake"
    language: Literal["en", "zh", "all"] = "en"


class VqaMedSource(_Copy):
    """VQA-Med 2019: text files of `image|question|answer` and folders of images, unpacked side by
    side.
    """

    kind: Literal["vqa_med"] = "vqa_med"


class RsvqaSource(_Copy):
    """RSVQA: `<prefix>_split_<split>_questions.json`, `_answers.json`, `_images.json`, and a folder
    of <id>.tif.
    """

    kind: Literal["rsvqa"] = "rsvqa"
    prefix: Literal["LR", "USGS"]
    binned: bool = Field(
        True,
        description="numbers of objects (LR) and areas fall into the five bins of the published "
        "code",
    )


class RsivqaSource(_Copy):
    """RSIVQA: one text file of `image:question?answer` (`text`), and the images of the set that it
    asks about, anywhere below `path`. It was published without a split: a share of the images,
    drawn by content, is for testing.
    """

    kind: Literal["rsivqa"] = "rsivqa"
    text: Path | None = None
    test_fraction: float = Field(0.2, gt=0, lt=1)


VqaSource = Annotated[
    ToyQuestionsSource
    | VqaRadSource
    | QuestionParquetSource
    | SlakeSource
    | VqaMedSource
    | RsvqaSource
    | RsivqaSource,
    Field(discriminator="kind"),
]

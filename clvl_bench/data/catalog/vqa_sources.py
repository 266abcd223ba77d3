"""Sources of questions: where the questions, answers and images of a VQA dataset lie, in which
published layout.

The reader named after a source's `kind` (in `readers/vqa/`) reads it. `path` is left out of a
declaration whose data must not be pinned: a benchmark file names the copy.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from clvl_bench.core.schema import Schema
from clvl_bench.data.catalog.sources import HUB_SPLITS, Commit, DamagePolicy, ToyPart


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


OPTIONAL_COLUMNS = {name: name for name in ("answer_type", "type", "organ", "modality")}
"""Properties of a question, and what tables usually call them."""


class QuestionColumns(Schema):
    """What a table of questions calls its columns. Those that may be missing are read where a name
    is given, or where the table has them under their usual name.
    """

    image: str = "image"
    question: str = "question"
    answer: str = "answer"
    answer_type: str | None = None
    type: str | None = None
    organ: str | None = None
    modality: str | None = None
    split: str | None = None


class QuestionTableSource(_Copy):
    """Questions of one's own: JSON (a list of rows), JSON lines, CSV or parquet.

    `files` maps a split to a pattern; or all rows lie in the files of one pattern, and the column
    `split` says which split each belongs to. Paths of images count from `images`, a folder below
    `path`. `columns` are the names of columns.
    """

    kind: Literal["question_table"] = "question_table"
    files: str | dict[str, str]
    images: str = "."
    columns: QuestionColumns = QuestionColumns()

    @model_validator(mode="after")
    def _splits_are_told(self) -> Self:
        if isinstance(self.files, str) != (self.columns.split is not None):
            raise ValueError(
                'files: name the files of each split, as in files = { train = "train.json", test = '
                '"test.json" }; or one pattern, and in columns.split the column that says the split'
            )
        return self


class QuestionHubSource(Schema):
    """Questions of a dataset repository on the hub, at one commit, read as its card says."""

    kind: Literal["question_hub"] = "question_hub"
    repository: str
    revision: Commit
    configuration: str | None = None
    splits: dict[str, str] = HUB_SPLITS
    columns: QuestionColumns = QuestionColumns()
    on_damage: DamagePolicy = "error"


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


class VrsbenchSource(_Copy):
    """VRSBench: `VRSBench_train.json`, `VRSBench_EVAL_vqa.json`, and the folders `Images_train` and
    `Images_val`, side by side.
    """

    kind: Literal["vrsbench"] = "vrsbench"


VqaSource = Annotated[
    ToyQuestionsSource
    | VqaRadSource
    | QuestionParquetSource
    | QuestionTableSource
    | QuestionHubSource
    | SlakeSource
    | VqaMedSource
    | RsvqaSource
    | RsivqaSource
    | VrsbenchSource,
    Field(discriminator="kind"),
]

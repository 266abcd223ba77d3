"""Sources of questions: where the questions, answers and images of a VQA dataset lie, in which published layout.

The reader named after a source's `kind` (in `readers/vqa/`) reads it. `path` is left out of a declaration whose data nobody
may pin: a benchmark file names the copy.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from clvl_bench.datasets.sources import DamagePolicy, ToyPart
from clvl_bench.strict import Strict


class _Copy(Strict):
    """A folder of one's own in a published layout."""

    path: Path | None = None
    on_damage: DamagePolicy = "error"


class ToyQuestionsSource(Strict):
    """Questions that follow from the facts of a toy world's pictures."""

    kind: Literal["toy_questions"] = "toy_questions"
    world: str
    parts: dict[str, ToyPart]


class VqaRadSource(_Copy):
    """The OSF release: one JSON file with all questions, and a folder of images."""

    kind: Literal["vqa_rad"] = "vqa_rad"


class QuestionParquetSource(_Copy):
    """The hub's layout: parquet files with the columns image, question and answer; `files` maps a split to a pattern."""

    kind: Literal["question_parquet"] = "question_parquet"
    files: dict[str, str] = {"train": "**/train-*.parquet", "test": "**/test-*.parquet"}


VqaSource = Annotated[ToyQuestionsSource | VqaRadSource | QuestionParquetSource, Field(discriminator="kind")]

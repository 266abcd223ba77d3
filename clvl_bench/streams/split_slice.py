"""Part: one split of one dataset among all samples of a benchmark."""

from dataclasses import dataclass

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.readers.question_split import QuestionSplit
from clvl_bench.data.readers.split import Split


@dataclass(frozen=True)
class SplitSlice:
    """A split that was read, and the id of its first sample."""

    dataset: ImageDataset | VqaDataset
    split: str
    data: Split | QuestionSplit
    start: int

    @property
    def left_out(self) -> int:
        """How many images of a test split were left out since training has them as well."""
        return self.data.in_training if isinstance(self.data, Split) else 0

"""Split slice: one split of one dataset, and the sample ids that it has in a benchmark.

Sample ids count through all splits that a benchmark reads, in their order: so one integer names a
sample, whatever dataset and split it comes from, and labels, tasks and inputs are plain arrays.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.readers.question_split import Question, QuestionSplit
from clvl_bench.data.readers.split import Split

Ids = NDArray[np.int64]
"""Sample ids [n]."""
Labels = NDArray[np.int64]
"""The class id of every sample, by sample id [samples]."""


@dataclass(frozen=True)
class SplitSlice:
    """A split that was read, and the id of its first sample; its other ids follow."""

    dataset: ImageDataset | VqaDataset
    split: str
    data: Split | QuestionSplit
    start: int

    @property
    def ids(self) -> Ids:
        """The ids of all its samples [n]."""
        return np.arange(self.start, self.start + len(self.data), dtype=np.int64)

    @property
    def labels(self) -> NDArray[np.int64]:
        """The label of each image [n], as the dataset numbers its own classes."""
        assert isinstance(self.data, Split)
        return self.data.labels

    @property
    def questions(self) -> tuple[Question, ...]:
        """Its questions [n]."""
        assert isinstance(self.data, QuestionSplit)
        return self.data.questions

    @property
    def left_out(self) -> int:
        """How many images of a test split were left out since training has them as well."""
        return self.data.in_training if isinstance(self.data, Split) else 0

    @property
    def unanswered(self) -> int:
        """How many questions were left out, since the data have no answer to them."""
        return self.data.unanswered if isinstance(self.data, QuestionSplit) else 0

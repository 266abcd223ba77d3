"""Two questions, and three random images that they are asked about in turn."""

from typing import Any

import torch
from torch import Tensor

from clvl_bench.inputs.questions import QuestionBatch, packed, question_rows

QUESTIONS = ("is there a nodule?", "how many findings are there?")


def asked(backbone: Any) -> Tensor:
    """[3, packed]: image features, the first question's row, the second's, the first's."""
    rows = question_rows(backbone, QUESTIONS)[[0, 1, 0]]
    images = torch.randn(3, backbone.width, generator=torch.Generator().manual_seed(0))
    return packed(
        QuestionBatch(images, rows[:, : backbone.width], torch.zeros(3), rows[:, backbone.width :])
    )

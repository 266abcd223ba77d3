"""ViLT as transformers holds it (Kim et al. 2021, ViLT: vision-and-language transformer without
convolution or region supervision, ICML, arXiv:2102.03334): one transformer over words and patches,
and a head with a row for each of 3,129 answers.

Images keep their shape; one is asked about at a time, so that none is padded. transformers draws
the order of patches, and of too many which to keep, from the global generator: here the draw is
keyed, and all are kept.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clvl_bench.backbones.answerers.base import Answerer, read_slices
from clvl_bench.core.rng import keyed

EVERY_PATCH = -1
"""Of `max_image_length`; the published configuration has it too."""


class Vilt(Answerer):
    """The answer whose row has the highest score."""

    how = "highest score, every patch"

    def look(self, pixels: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        return pixels  # words and patches meet in the first layer

    def say(self, seen: Mapping[str, Tensor], questions: Tensor) -> list[str]:
        count = len(questions)
        pixels = seen["pixel_values"].expand(count, -1, -1, -1)
        mask = seen["pixel_mask"].expand(count, -1, -1)
        with keyed("patches of an answerer"):
            found = self._model(
                input_ids=questions,
                attention_mask=torch.ones_like(questions),
                token_type_ids=torch.zeros_like(questions),
                pixel_values=pixels,
                pixel_mask=mask,
            )
        best = found.logits.argmax(dim=-1).tolist()
        return [str(self._model.config.id2label[row]) for row in best]


def load(folder: Path, **identity: Any) -> Vilt:
    """A ViLT for questions from a folder in transformers' layout. Nothing in it is executed, and no
    socket is opened.

    Raises:
        Damage: a file of the folder cannot be read.
    """
    from transformers import ViltForQuestionAnswering
    from transformers.models.vilt.image_processing_pil_vilt import ViltImageProcessorPil

    parts = read_slices(
        ViltForQuestionAnswering,
        ViltImageProcessorPil,
        folder,
        what="ViLT for questions",
        name=identity["name"],
    )
    parts.model.config.max_image_length = EVERY_PATCH
    return Vilt(parts, context_length=int(parts.model.config.max_position_embeddings), **identity)

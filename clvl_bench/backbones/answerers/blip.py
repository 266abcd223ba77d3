"""BLIP as transformers holds it (Li et al. 2022, BLIP: bootstrapping language-image pre-training
for unified vision-language understanding and generation, ICML, arXiv:2201.12086): a question is
read beside the image, and its answer written word by word.

Differs from the authors' inference: the likeliest word each time, where they follow three beams;
and, as in transformers, the question keeps its own first token. The image is encoded once for all
questions about it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clvl_bench.backbones.answerers.base import (
    Answerer,
    log_probability,
    padded_rows,
    read_slices,
)

LONGEST = 10
"""Tokens of an answer, its start and end included: the authors' limit."""


class Blip(Answerer):
    """Greedy decoding with the model's own question encoder and answer decoder."""

    how = f"greedy, {LONGEST} tokens"

    def look(self, pixels: Mapping[str, Tensor]) -> Tensor:
        output = self._model.vision_model(pixel_values=pixels["pixel_values"])
        seen: Tensor = output.last_hidden_state
        return seen

    def say(self, seen: Tensor, questions: Tensor) -> list[str]:
        model = self._model
        text = model.config.text_config
        count = len(questions)
        encoded = model.text_encoder(
            input_ids=questions, encoder_hidden_states=seen.expand(count, -1, -1)
        )
        written = model.text_decoder.generate(
            input_ids=questions.new_full((count, 1), text.bos_token_id),
            encoder_hidden_states=encoded.last_hidden_state,
            eos_token_id=text.sep_token_id,
            pad_token_id=text.pad_token_id,
            max_length=LONGEST,
            do_sample=False,
            num_beams=1,
        )
        # The first token is the decoder's start, which the published vocabulary does not hold.
        return [self._tokenizer.decode(row[1:], skip_special_tokens=True) for row in written]

    def weigh(self, seen: Tensor, question: Tensor, candidates: Sequence[str]) -> Tensor:
        model = self._model
        text = model.config.text_config
        encoded = model.text_encoder(input_ids=question[None], encoder_hidden_states=seen)
        whole = self._tokenizer(list(candidates), add_special_tokens=False)["input_ids"]
        ids, theirs = padded_rows([[*row, text.sep_token_id] for row in whole], device=self.device)
        start = ids.new_full((len(ids), 1), text.bos_token_id)
        logits = model.text_decoder(
            input_ids=torch.cat([start, ids[:, :-1]], dim=1),
            encoder_hidden_states=encoded.last_hidden_state.expand(len(ids), -1, -1),
        ).logits
        return log_probability(logits, ids, theirs)


def load(folder: Path, **identity: Any) -> Blip:
    """A BLIP for questions from a folder in transformers' layout. Nothing in it is executed, and no
    socket is opened.

    Raises:
        Damage: a file of the folder cannot be read.
    """
    from transformers import BlipForQuestionAnswering
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    parts = read_slices(
        BlipForQuestionAnswering,
        BlipImageProcessorPil,
        folder,
        what="BLIP for questions",
        name=identity["name"],
    )
    return Blip(
        parts,
        context_length=int(parts.model.config.text_config.max_position_embeddings),
        **identity,
    )

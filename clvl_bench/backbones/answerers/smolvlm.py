"""SmolVLM as transformers holds it, an Idefics3 (Marafioti et al. 2025, SmolVLM: redefining small
and efficient multimodal models, arXiv:2504.05299): a small language model goes on writing behind
an image and a question.

The prompt is the published one of a conversation, written here and not rendered from the template
in the folder, with one line more: a very brief answer is asked for, since a sentence would be no
candidate. The image is cut into tiles as the folder's own processing says, and encoded once for all
questions about it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor

from clvl_bench.backbones.answerers.base import (
    Answerer,
    Parts,
    log_probability,
    padded_rows,
    read_slices,
)
from clvl_bench.backbones.folders import read_json
from clvl_bench.backbones.tokens import within

LONGEST = 10
"""Tokens of an answer, its end included: as many as of BLIP's."""
LONGEST_QUESTION = 512
END = "<end_of_utterance>"
BEFORE = "<|im_start|>User:"
BEHIND = f"\nGive a very brief answer.{END}\nAssistant:"
PROCESSOR_CONFIG = "processor_config.json"
TOKENS_OF_TILE = 64
"""Of the published models, where their configuration does not say."""


@dataclass(frozen=True)
class Seen:
    """An image as the language model reads it: the ids of the words before the question, some of
    which stand for tiles, and the features [places, width] of these.
    """

    ids: Tensor
    features: Tensor


class SmolVlm(Answerer):
    """Greedy decoding behind the image, the question, and a word that asks for brevity."""

    how = f"greedy, {LONGEST} tokens, asked for a very brief answer"

    def __init__(self, parts: Parts, *, tokens_of_tile: int, **identity: Any) -> None:
        from transformers import Idefics3Processor

        super().__init__(parts, context_length=LONGEST_QUESTION, **identity)
        self._processor = Idefics3Processor(
            parts.images, parts.tokenizer, image_seq_len=tokens_of_tile
        )
        self._end = parts.tokenizer.convert_tokens_to_ids(END)

    def pixels(self, image: NDArray[np.uint8]) -> Any:
        return self._images(
            images=[[Pillow.fromarray(image)]], return_tensors="pt", return_row_col_info=True
        )

    def look(self, pixels: Mapping[str, Any]) -> Seen:
        # transformers writes what stands for the tiles: it depends on how many there are.
        words = BEFORE + self._processor.replace_image_token(pixels, 0)
        found = self._model.get_image_features(
            pixels["pixel_values"], pixels["pixel_attention_mask"]
        )
        ids = torch.tensor(self._ids(words), device=self.device)
        return Seen(ids, torch.cat(list(found.pooler_output)))

    def say(self, seen: Seen, questions: Tensor) -> list[str]:
        from transformers import GenerationConfig

        embeddings = self._behind(seen, questions)
        greedy = GenerationConfig(
            max_new_tokens=LONGEST,
            do_sample=False,
            num_beams=1,
            eos_token_id=self._end,
            pad_token_id=self._end,
        )
        written = self._model.generate(
            inputs_embeds=embeddings,
            attention_mask=torch.ones(embeddings.shape[:2], device=self.device),
            generation_config=greedy,
        )
        # Behind embeddings only what is new comes back.
        said = [self._tokenizer.decode(row, skip_special_tokens=True) for row in written]
        return [answer.strip() for answer in said]

    def weigh(self, seen: Seen, question: Tensor, candidates: Sequence[str]) -> Tensor:
        # A conversation goes on with a space.
        whole = [[*self._ids(f" {candidate}"), self._end] for candidate in candidates]
        ids, theirs = padded_rows(whole, device=self.device)
        # Image and question are read once, and what was computed of them serves all candidates.
        before = self._model(
            inputs_embeds=self._behind(seen, question[None]), use_cache=True, logits_to_keep=1
        )
        first = before.logits[:, -1:].expand(len(ids), -1, -1)
        if ids.shape[1] == 1:
            return log_probability(first, ids, theirs)
        cache = before.past_key_values
        cache.batch_repeat_interleave(len(ids))
        rest = self._model(
            inputs_embeds=self._model.get_input_embeddings()(ids[:, :-1]), past_key_values=cache
        ).logits
        return log_probability(torch.cat([first, rest], dim=1), ids, theirs)

    def _behind(self, seen: Seen, questions: Tensor) -> Tensor:
        """Embeddings [questions, length, width] of the image and a question each."""
        count = len(questions)
        ids = torch.cat([seen.ids.expand(count, -1), questions], dim=1)
        embeddings = self._model.get_input_embeddings()(ids)
        features = seen.features.repeat(count, 1)
        merged: Tensor = self._model.model.inputs_merger(ids, embeddings, features)
        return merged

    def _ids(self, words: str) -> list[int]:
        ids: list[int] = self._tokenizer(words, add_special_tokens=False, verbose=False).input_ids
        return ids

    def _tokenize(self, questions: Sequence[str]) -> list[list[int]]:
        """Token ids of each question, and what stands behind it. Whoever writes `<image>` in a
        question means the word.
        """
        length = self._context_length
        whole = self._tokenizer(
            [question.strip() for question in questions],
            add_special_tokens=False,
            split_special_tokens=True,
            verbose=False,
        )["input_ids"]
        cut = [text for text, ids in zip(questions, whole, strict=True) if len(ids) > length]
        self.cut_texts.tell(cut, of=len(questions))
        behind = self._ids(BEHIND)
        return [within(ids, length) + behind for ids in whole]


def load(folder: Path, **identity: Any) -> SmolVlm:
    """A SmolVLM from a folder in transformers' layout. Nothing in it is executed, and no socket is
    opened.

    Raises:
        Damage: a file of the folder cannot be read.
    """
    from transformers import AutoTokenizer, Idefics3ForConditionalGeneration
    from transformers.models.idefics3.image_processing_pil_idefics3 import (
        Idefics3ImageProcessorPil,
    )

    parts = read_slices(
        Idefics3ForConditionalGeneration,
        Idefics3ImageProcessorPil,
        folder,
        what="SmolVLM",
        name=identity["name"],
        tokenizer=AutoTokenizer,
    )
    said = read_json(folder / PROCESSOR_CONFIG) if (folder / PROCESSOR_CONFIG).is_file() else {}
    tokens = int(said.get("image_seq_len", TOKENS_OF_TILE))
    return SmolVlm(parts, tokens_of_tile=tokens, **identity)

"""An adapter's life without Avalanche: experiences of a few batches of random pictures, learned as
its kind learns.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.core.rng import keyed
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.inputs.answerer_scores import AnswererScores
from clvl_bench.inputs.kinds import QUESTION_INPUTS
from clvl_bench.inputs.questions import QuestionBatch, packed, question_rows
from clvl_bench.methods._base.losses import TrainingBatch

NAMES = ("forest", "wheat field", "annual_crop_land", "river", "lake or sea", "village")
TABLE = tuple(
    Candidate(name, "d", ("a photo of a {} from above.", "an aerial photo of {}."))
    for name in NAMES
)
ANSWERS = tuple(
    Candidate(name, "d", ("{question} {}.", "asked {question} one says {}.")) for name in NAMES
)
QUESTIONS = ("what is shown?", "is there a forest beside the lake?")
ALL = tuple(range(len(TABLE)))
FIRST, SECOND = ALL[:3], ALL[3:]


def table_of(input_kind: str) -> tuple[Candidate, ...]:
    """Classes, or answers for those who answer."""
    return ANSWERS if input_kind in QUESTION_INPUTS else TABLE


def zeroshot(backbone: Any, input_kind: str, inputs: Tensor, *, templates: int | None) -> Tensor:
    """What the untouched backbone says of some inputs of `pictures`, from whole sentences."""
    if input_kind not in QUESTION_INPUTS:
        features = backbone.image_features(inputs) if input_kind == "pixels" else inputs
        return (
            backbone.logit_scale
            * l2_normalize(features)
            @ backbone.class_features(TABLE, templates=templates).T
        )
    rows = []
    for row, image in enumerate(l2_normalize(inputs[:, : backbone.width])):
        question = QUESTIONS[row % len(QUESTIONS)]
        texts = [
            l2_normalize(backbone.text_features(each.prompts_for(question))).mean(dim=0)
            for each in ANSWERS
        ]
        rows.append(backbone.logit_scale * l2_normalize(torch.stack(texts)) @ image)
    return torch.stack(rows)


def pictures(backbone: Any, input_kind: str, *, count: int = 12, seed: int = 0) -> Tensor:
    """Random pixels; image features near the texts of all classes in turn, so that no class wins
    them all; or all answers and none as they are given in turn.
    """
    generator = torch.Generator().manual_seed(seed)
    if input_kind == "answerer_scores":
        places = np.arange(seed, seed + count) % (len(ANSWERS) + 1) - 1
        return AnswererScores(places, len(ANSWERS))(torch.arange(count))
    if input_kind == "pixels":
        return torch.randint(0, 256, (count, 3, 40, 40), dtype=torch.uint8, generator=generator)
    texts = backbone.class_features(TABLE)[[row % len(TABLE) for row in range(count)]]
    noise: Tensor = torch.randn(texts.shape, generator=generator) / texts.shape[1] ** 0.5
    if input_kind not in QUESTION_INPUTS:
        return 3 * texts + noise
    rows = question_rows(backbone, QUESTIONS)[[row % len(QUESTIONS) for row in range(count)]]
    kinds = torch.arange(count).remainder(len(QUESTIONS)).float()
    image = 3 * texts + noise
    if input_kind == "question_patches":
        rest = torch.randn(count, backbone.patch_tokens - 1, backbone.width, generator=generator)
        image = torch.cat([image[:, None], rest], dim=1)
    return packed(QuestionBatch(image, rows[:, : backbone.width], kinds, rows[:, backbone.width :]))


def learn(
    adapter: Any, inputs: Tensor, classes: tuple[int, ...], *, key: object = "experience"
) -> None:
    """One experience, its samples' classes in turn; what is random in it is decided by the key."""
    targets = torch.tensor([classes[row % len(classes)] for row in range(len(inputs))])
    adapter.begin(classes)
    adapter.scored = classes
    adapter.train()
    with keyed(key):
        if adapter.learns == "closed_form" or adapter.observes_first:
            observe(adapter, inputs, targets)
        if adapter.learns == "gradient":
            follow_gradient(adapter, inputs, targets)
        if adapter.observes_again:
            observe(adapter, inputs, targets)
    adapter.end()
    adapter.eval()


def observe(adapter: Any, inputs: Tensor, targets: Tensor) -> None:
    for rows in torch.arange(len(inputs)).split(4):
        adapter.observe(inputs[rows], targets[rows])
    adapter.observed()


def follow_gradient(adapter: Any, inputs: Tensor, targets: Tensor) -> None:
    optimizer = torch.optim.AdamW(
        [weight for weight in adapter.parameters() if weight.requires_grad], lr=1e-2
    )
    for rows in torch.arange(len(inputs)).split(4):
        optimizer.zero_grad()
        loss = adapter.loss(TrainingBatch(inputs[rows], adapter(inputs[rows]), targets[rows]))
        penalty = adapter.penalty(inputs[rows])
        (loss if penalty is None else loss + penalty).backward()
        optimizer.step()


@torch.no_grad()
def logits(adapter: Any, inputs: Tensor, classes: tuple[int, ...] = ALL) -> Tensor:
    scores: Tensor = adapter.eval().logits(inputs, classes)
    return scores

"""Answers of a frozen answerer to the questions of a stream, as scores of the candidates.

An answer of another model is compared as a true answer is: after the dataset's normaliser it equals
a candidate or none. So a right answer scores, and one that is nearly right does not. Or the model
is shown the candidates, and says how likely it would write each.
"""

from collections.abc import Sequence

import numpy as np
import torch

from clvl_bench.backbones.answerers.base import Answerer
from clvl_bench.inputs.answerer_scores import (
    AnswererScores,
    LikelihoodScores,
    answers_of,
    likelihoods_of,
)
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.streams.label_store import OUTSIDE
from clvl_bench.streams.split_slice import SplitSlice
from clvl_bench.streams.vqa.plan import class_ids_of_answers, number_answers


def answerer_scores(
    config: BenchmarkConfig,
    slices: Sequence[SplitSlice],
    answerer: Answerer,
    *,
    device: str = "cpu",
) -> AnswererScores:
    """The candidate that the answerer chose for each sample of a stream of questions, held-out
    images included.
    """
    assert config.questions is not None
    candidates, class_ids = number_answers(config, config.questions, slices)
    chosen = []
    for split_slice in slices:
        dataset = split_slice.dataset
        # The reference is there to be trained on, and a frozen answerer is not trained: asking it
        # about the reference would cost time for nothing.
        if dataset.name == config.reference:
            chosen.append(np.full(len(split_slice.data), OUTSIDE, dtype=np.int64))
            continue
        answers = answers_of(split_slice.data, answerer)
        chosen.append(class_ids_of_answers(dataset, answers, class_ids[dataset.name]))
    return AnswererScores(np.concatenate(chosen), len(candidates), device=device)


def likelihood_scores(
    config: BenchmarkConfig,
    slices: Sequence[SplitSlice],
    answerer: Answerer,
    *,
    device: str = "cpu",
) -> LikelihoodScores:
    """How likely the answerer would write each candidate of a sample's dataset, as scores of all.

    Raises:
        Mistake: the answerer does not write its answers word by word.
    """
    assert config.questions is not None
    candidates, class_ids = number_answers(config, config.questions, slices)
    scores = []
    for split_slice in slices:
        name = split_slice.dataset.name
        of_slice = torch.full((len(split_slice.data), len(candidates)), -torch.inf)
        if name != config.reference:
            columns = list(class_ids[name].values())
            words = [candidates[column].name.replace("_", " ") for column in columns]
            of_slice[:, columns] = likelihoods_of(split_slice.data, answerer, words)
        scores.append(of_slice)
    return LikelihoodScores(torch.cat(scores), device=device)

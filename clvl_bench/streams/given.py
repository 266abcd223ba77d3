"""Given answers of a stream: what another model said goes the way of the true answers, through the dataset's normaliser to a
candidate or to none. So a right answer is a right one, and a near one is not."""

from collections.abc import Sequence

import numpy as np

from clvl_bench.backbones.answerers import Answerer
from clvl_bench.config import BenchmarkConfig
from clvl_bench.given import GivenAnswers, answers_of
from clvl_bench.streams.answers import answer_table, placed
from clvl_bench.streams.part import Part
from clvl_bench.streams.truth import OUTSIDE


def given_answers(config: BenchmarkConfig, parts: Sequence[Part], answerer: Answerer, *, device: str = "cpu") -> GivenAnswers:
    """The candidate that was said of each sample of a stream of questions, held-out pictures included.

    A reference set is there to be learned from, which nobody does here: nothing is asked about it.
    """
    assert config.questions is not None
    table, places = answer_table(config, config.questions, parts)
    asked = {*config.datasets, *config.zeroshot}
    said = [
        placed(part.dataset, answers_of(part.data, answerer), places[part.dataset.name])
        if part.dataset.name in asked
        else np.full(len(part.data), OUTSIDE, dtype=np.int64)
        for part in parts
    ]
    return GivenAnswers(np.concatenate(said), len(table), device=device)

"""Given answers of a stream: what another model said goes the way of the true answers, through the
dataset's normaliser to a candidate or to none. So a right answer is a right one, and a near one is
not.
"""

from collections.abc import Sequence

import numpy as np

from clvl_bench.backbones.answerers.base import Answerer
from clvl_bench.inputs.answerer_scores import AnswererScores, answers_of
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.streams.label_store import OUTSIDE
from clvl_bench.streams.split_slice import SplitSlice
from clvl_bench.streams.vqa.plan import answer_table, placed


def answerer_scores(
    config: BenchmarkConfig, parts: Sequence[SplitSlice], answerer: Answerer, *, device: str = "cpu"
) -> AnswererScores:
    """The candidate that was said of each sample of a stream of questions, held-out pictures
    included.

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
    return AnswererScores(np.concatenate(said), len(table), device=device)

"""View: what a strategy may see of a benchmark."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clvl_bench.inputs.answerer_scores import AnswererScores
from clvl_bench.inputs.features import Inputs
from clvl_bench.inputs.questions import QuestionInputs
from clvl_bench.streams.plan import Plan

AnyInputs = Inputs | QuestionInputs | AnswererScores


@dataclass(frozen=True)
class LearnerView:
    """The plan, inputs by sample id, the labels that have arrived [samples], -1 for the rest, and
    the reference's captions.
    """

    plan: Plan
    inputs: AnyInputs
    visible_labels: NDArray[np.int64]
    captions: tuple[str, ...] = ()

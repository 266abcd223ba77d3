"""View: what a strategy may see of a benchmark."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clvl_bench.inputs.answerer_scores import GivenAnswers
from clvl_bench.inputs.features import Inputs
from clvl_bench.inputs.questions import QuestionInputs
from clvl_bench.streams.plan import Plan

AnyInputs = Inputs | QuestionInputs | GivenAnswers


@dataclass(frozen=True)
class View:
    """The plan, inputs by sample id, the labels that have arrived [samples], -1 for the rest, and the reference's captions."""

    plan: Plan
    inputs: AnyInputs
    revealed: NDArray[np.int64]
    captions: tuple[str, ...] = ()

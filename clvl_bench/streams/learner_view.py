"""Learner view: what a strategy may see of a benchmark."""

from dataclasses import dataclass

from clvl_bench.inputs.answerer_scores import AnswererScores
from clvl_bench.inputs.features import Inputs
from clvl_bench.inputs.questions import QuestionInputs
from clvl_bench.inputs.views import Views
from clvl_bench.streams.plan import Plan
from clvl_bench.streams.split_slice import Labels

AnyInputs = Inputs | QuestionInputs | AnswererScores


@dataclass(frozen=True)
class LearnerView:
    """The plan, inputs by sample id, the labels that have arrived [samples], -1 for the rest, the
    reference's captions, and augmented inputs where training reads these.
    """

    plan: Plan
    inputs: AnyInputs
    visible_labels: Labels
    captions: tuple[str, ...] = ()
    views: Views | None = None

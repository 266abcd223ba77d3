"""Small experiences are evaluated together, and classes are looked up once; no number moves."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from avalanche.core import SupervisedPlugin
from avalanche.training.plugins import EvaluationPlugin

from clvl_bench.backbones.class_tables import KEPT, ClassTables
from clvl_bench.runs.files import run_config
from clvl_bench.runs.runner import evaluate
from clvl_bench.runs.setup import Sources, prepare
from clvl_bench.streams.plan import ExperienceSpec
from clvl_bench.training.evaluation import RecordLogger, SampleMetrics
from clvl_bench.training.evaluator import Evaluator
from clvl_bench.training.one_pass import LEAST, passes
from clvl_bench.training.strategy import build_strategy


def specs(*sizes, stream="test"):
    ids = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    return [ExperienceSpec(stream, index, "d", (index,), each) for index, each in enumerate(ids)]


def together(found):
    """Indices of the experiences of each pass."""
    members = {}
    for (_, index), one in found.items():
        members.setdefault(id(one), []).append(index)
    return list(members.values())


def test_neighbours_with_the_same_candidates_go_together_as_far_as_they_fit():
    found = passes(specs(10, 10, 10, 10, 10), lambda spec: (0, 1), size=30)
    assert together(found) == [[0, 1, 2], [3, 4]]
    found = passes(specs(10, 10, 10, 10), lambda spec: (spec.index // 2,), size=100)
    assert together(found) == [[0, 1], [2, 3]]
    test, held_out = specs(10, 10), specs(10, 10, stream="zeroshot")
    assert len(together(passes([*test, *held_out], lambda spec: (0,), size=100))) == 2


def test_large_experiences_and_those_of_very_few_samples_go_alone():
    found = passes(specs(10, 50, 10, LEAST - 1, 10, 10), lambda spec: (0,), size=40)
    assert together(found) == [[4, 5]]


class Scores(SupervisedPlugin):
    """Notes the scores of each sample."""

    def __init__(self):
        super().__init__()
        self.of = {}

    def after_eval_iteration(self, strategy, **kwargs):
        rows = zip(strategy.mbatch[2].tolist(), strategy.mb_output, strict=True)
        self.of.update({sample: row.clone() for sample, row in rows})


class Known(Sources):
    """A backbone that is loaded already."""

    def __init__(self, backbone):
        self._backbone = backbone

    def backbone(self, *_, **__):
        return self._backbone


@pytest.fixture
def evaluated(tiny):
    """Evaluates the untouched start of a strategy; gives scores by sample, rows, and how often the
    model was asked and samples were read.
    """

    def go(name="linear", *, size=None, kind=Evaluator, plugin=None):
        config = run_config("toy_landcover", name, limit=40)
        prepared = prepare(config, sources=Known(tiny))
        log = RecordLogger(config.coordinates)
        evaluator = kind(SampleMetrics(), loggers=[log], collect_all=False)
        view = prepared.benchmark.view
        strategy = build_strategy(
            config.strategy_config, prepared.backbone, view, evaluator=evaluator, seed=0
        )
        strategy.eval_mb_size = size or strategy.eval_mb_size
        heard = Scores()
        strategy.plugins += [each for each in (plugin, heard) if each is not None]
        asked = []
        logits = strategy.adapter.logits
        strategy.adapter.logits = lambda *given: asked.append(len(given[0])) or logits(*given)
        evaluate(strategy, prepared.benchmark)
        return SimpleNamespace(scores=heard.of, rows=log.records, asked=asked)

    return go


@pytest.mark.parametrize("name", ["linear", "prompt", "cocoop"])
def test_a_pass_gives_each_experience_the_bits_that_it_has_alone(evaluated, name):
    one_pass = evaluated(name)
    alone = evaluated(name, size=20)
    assert sum(one_pass.asked) == sum(alone.asked) == len(one_pass.scores)
    assert len(one_pass.asked) < len(alone.asked)
    assert one_pass.scores.keys() == alone.scores.keys()
    for sample, row in alone.scores.items():
        assert torch.equal(one_pass.scores[sample], row), sample


class Blinding(SupervisedPlugin):
    """Puts other inputs in the place of those of the minibatch."""

    def before_eval_forward(self, strategy, **kwargs):
        strategy.mbatch[0] = torch.ones_like(strategy.mbatch[0])


def test_a_plugin_that_replaces_the_inputs_of_an_evaluation_is_heard(evaluated):
    scores = list(evaluated(plugin=Blinding()).scores.values())
    assert torch.equal(scores[0], scores[1])


def test_who_has_nothing_to_say_is_not_asked_and_no_row_is_another(evaluated):
    assert evaluated(kind=Evaluator).rows == evaluated(kind=EvaluationPlugin).rows


def test_an_experience_is_copied_for_the_callbacks_alone_that_somebody_hears():
    copies = []
    experience = SimpleNamespace(
        logging=lambda: copies.append(1) or experience,
        origin_stream=SimpleNamespace(name="test"),
        current_experience=0,
    )
    strategy = SimpleNamespace(experience=experience)
    evaluator = Evaluator(SampleMetrics(), loggers=[], collect_all=False)
    for callback in ("before_eval_exp", "before_eval_iteration", "before_eval_forward"):
        getattr(evaluator, callback)(strategy)
    assert len(copies) == 1


def test_a_table_of_classes_that_is_asked_for_again_is_not_made_again():
    made = []

    def make(candidates, templates):
        made.append((candidates, templates))
        return torch.full((len(candidates), 2), float(len(made)))

    tables = ClassTables()
    first = tables.load_or_compute(["a", "b"], None, make)
    first += 7  # the table is the caller's own
    assert tables.load_or_compute(("a", "b"), None, make).tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert tables.load_or_compute(["a", "b"], 1, make)[0, 0] == 2
    assert tables.load_or_compute(["b", "a"], None, make)[0, 0] == 3
    for number in range(KEPT):
        tables.load_or_compute([number], None, make)
    assert tables.load_or_compute(["a", "b"], None, make)[0, 0] == 4 + KEPT, "few are kept"

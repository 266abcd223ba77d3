"""Every strategy file on a small online stream with late labels: nothing is used before it arrives,
nothing else is read.
"""

import numpy as np
import pytest
import torch
from contract.audits import SMALL, plan_of, scored_too_early, swayed_by_neighbours, told_otherwise
from contract.listening import listen
from contract.reach import differing
from contract.tables import STRATEGIES, small, written
from victim import results_of

from clvl_bench.core.errors import Mistake
from clvl_bench.inputs.kinds import QUESTION_INPUTS
from clvl_bench.methods.registry import adapters
from clvl_bench.runs import runner
from clvl_bench.runs.files import run_config
from clvl_bench.runs.observer import RunObserver
from clvl_bench.streams.plan import steps_of

LATE = (
    "benchmark.online.step_size=4",
    "benchmark.supervision.delay=2",
    "benchmark.supervision.label_fraction=0.8",
)
STREAM = ("toy_online_few", "benchmark.classes_per_experience=[4, 3, 3]", *LATE)
ASKING = ("toy_scans_vqa_delay", 'benchmark.reference="toy_reference"', *LATE)
"""The same for those who answer questions."""


def config_of(path, *overrides):
    """A strategy file on a small stream; None where it says itself that it learns from no
    stream.
    """
    (adapter,) = written(path, "adapter")
    sizes = [f"adapter.{name}={size}" for name, size in small(adapter).items()]
    seen = [] if not adapters()[adapter["kind"]].trains else ["train.classes=seen"]
    benchmark, *stream = (
        ASKING if adapters()[adapter["kind"]].input_kind in QUESTION_INPUTS else STREAM
    )
    try:
        return run_config(
            benchmark, str(path), limit=60, overrides=(*SMALL, *stream, *sizes, *seen, *overrides)
        )
    except Mistake:  # test_protocol.py has what it says
        return None


REFUSED = {"joint", "cumulative", "prompt_joint", "ranpac"}
"""They need a whole experience, or all of them."""

STREAMING = [path for path in STRATEGIES if config_of(path) is not None]
AUDITED = pytest.mark.parametrize(
    "heard", STREAMING, ids=[path.stem for path in STREAMING], indirect=True
)


@pytest.fixture(scope="module")
def heard(request, tmp_path_factory, shared_data):
    """A whole run. Only the classes so far are candidates: where all are, rewards are for choices
    among all of them.
    """
    return listen(
        config_of(request.param, "benchmark.label_space=seen"), tmp_path_factory.mktemp("heard")
    )


def test_who_needs_whole_experiences_is_refused():
    assert REFUSED <= {path.stem for path in STRATEGIES} - {path.stem for path in STREAMING}
    assert {
        "naive",
        "iwms",
        "anchored_pl",
        "feedback",
        "slda",
        "zeroshot",
        "prompt_replay",
        "answers_product_iwms",
    } <= {path.stem for path in STREAMING}


@AUDITED
def test_no_class_is_scored_before_the_label_space_allows_it(heard):
    assert scored_too_early(heard) == []


@AUDITED
def test_only_declared_parameters_move(heard):
    declared = set().union(*(names for _, names, _ in heard.declared))
    assert set().union(*(names for _, names in heard.moved)) <= declared
    if heard.strategy.adapter.learns == "gradient":
        assert any(names for _, names in heard.moved)


@AUDITED
def test_each_sample_is_read_once_when_its_step_comes(heard):
    size = heard.prepared.config.benchmark_config.online.step_size
    coming = [
        part.tolist()
        for step in plan_of(heard).streams["train"]
        for part in steps_of(step.ids, size)
    ]
    reference = {
        sample for step in plan_of(heard).streams["reference"] for sample in step.ids.tolist()
    }
    outside = [
        ids.tolist() for at, ids in heard.read if at is None and not set(ids.tolist()) <= reference
    ]
    assert outside == coming
    training = {
        sample
        for at, ids in heard.read
        if at is not None and at.training
        for sample in ids.tolist()
    }
    assert training <= reference


@AUDITED
def test_predictions_do_not_depend_on_who_is_evaluated_beside(heard):
    assert swayed_by_neighbours(heard) == []


@pytest.mark.parametrize("path", STREAMING, ids=[path.stem for path in STREAMING])
@pytest.mark.parametrize("kind", ["delay", "reward"])
def test_nothing_within_reach_depends_on_a_label_that_has_not_arrived(
    path, kind, tmp_path, shared_data
):
    config = config_of(path, f"benchmark.supervision.kind={kind}")
    heard = listen(config, tmp_path / "one", walk=1, until=1)
    truth = heard.prepared.benchmark.label_store
    steps = len(heard.states)
    came = (truth.arrivals >= 0) & (truth.arrivals < steps)
    came[
        np.setdiff1d(
            np.arange(len(truth)),
            np.concatenate([step.ids for step in plan_of(heard).streams["train"]]),
        )
    ] = False
    if kind == "delay":
        assert np.array_equal(heard.visible_labels >= 0, came)
    else:
        assert (heard.visible_labels < 0).all(), "a reward reveals no label"
        heard.visible_labels = np.where(came, 0, -1)
    other = listen(config, tmp_path / "other", walk=1, until=1, before=told_otherwise(heard))
    assert differing(heard.reached, other.reached) == []
    assert other.states == heard.states


KILLED = [
    ("naive", 1),
    ("naive", 5),
    ("iwms", 6),
    ("anchored_pl", 4),
    ("anchored_pl", 8),
    ("mean_teacher", 7),
    ("feedback", 3),
    ("feedback_reinforce", 9),
    ("slda", 5),
    ("prompt_replay", 2),
    ("answers_product_iwms", 6),
    ("answers_product_feedback", 3),
]


def kept(state):
    """Every tensor and plain value of a state by its place, tensors as bytes."""
    if isinstance(state, dict):
        return {
            f"{name}/{place}": value
            for name, part in state.items()
            for place, value in kept(part).items()
        }
    return {"": state.numpy().tobytes() if isinstance(state, torch.Tensor) else state}


@pytest.mark.parametrize(("name", "step"), KILLED)
def test_killed_at_a_step_it_goes_on_to_the_same_bytes_and_the_same_state(
    name, step, tmp_path, shared_data
):
    path = next(path for path in STRATEGIES if path.stem == name)
    kind = "reward" if "feedback" in name else "delay"
    config = config_of(
        path, "benchmark.online.checkpoint_steps=2", f"benchmark.supervision.kind={kind}"
    ).model_copy(
        update={
            "benchmark": "small",
            "strategy": name,
        }  # the names of all overrides are longer than a file's may be
    )
    whole, killed, again = Keeper(), Keeper(killed_at=step), Keeper()
    undisturbed = runner.run(
        config, results=tmp_path / "undisturbed", progress=False, observer=whole
    )
    with pytest.raises(KeyboardInterrupt):
        runner.run(config, results=tmp_path / "killed", progress=False, observer=killed)
    ended = runner.run(config, results=tmp_path / "killed", progress=False, observer=again)
    assert again.resumed_after is not None
    assert any(place.startswith("strategy/pending/ids") for place in whole.last)
    assert again.last == whole.last
    assert results_of(ended.folder) == results_of(undisturbed.folder)


class Keeper(RunObserver):
    """Keeps the last state of a run as bytes; may interrupt it at a step of the stream."""

    def __init__(self, *, killed_at=None):
        self._killed_at = killed_at
        self.last = {}

    def resumed(self, done):
        self.resumed_after = done

    def before_step(self, strategy, step):
        if step.number == self._killed_at:
            raise KeyboardInterrupt

    def state_kept(self, checkpoint):
        self.last = kept({"strategy": checkpoint.state, "stream": checkpoint.notes["stream"]})

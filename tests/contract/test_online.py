"""Every strategy file on a small online stream with late labels or rewards: nothing is used before
it arrives, nothing else is read.
"""

import pytest
import torch
from contract.audited import STREAMING, online_config, online_runs
from contract.tables import STRATEGIES

from clvl_bench.audits.listening import listen
from clvl_bench.audits.result_files import result_files
from clvl_bench.audits.second_runs import leaned_on_labels_to_come
from clvl_bench.audits.verdict import IN_STEPS, verdict
from clvl_bench.runs import runner
from clvl_bench.runs.observer import RunObserver

REFUSED = {"joint", "cumulative", "prompt_joint", "ranpac"}
"""They need a whole experience, or all of them."""

RUNS = [pytest.param(run, id=str(run)) for run in online_runs()]


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


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.usefixtures("no_waiting")
def test_the_audits_find_nothing(run, sources, tmp_path):
    heard = listen(run.config, tmp_path, sources=sources, walk=1)
    found = verdict(heard, (*IN_STEPS, leaned_on_labels_to_come))
    assert not found, f"\n{found}"


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


class Death(RunObserver):
    """Interrupts a run before a step, and notes the last state that is kept."""

    def __init__(self, before=None):
        self.before, self.kept = before, None

    def before_step(self, strategy, step):
        if step.number == self.before:
            raise KeyboardInterrupt

    def state_kept(self, checkpoint):
        self.kept = kept({"strategy": checkpoint.state, "walk": checkpoint.notes["stream"]})


@pytest.mark.parametrize(("name", "step"), KILLED)
@pytest.mark.usefixtures("no_waiting")
def test_killed_at_a_step_it_goes_on_to_the_same_bytes_and_the_same_state(
    name, step, tmp_path, sources
):
    path = next(path for path in STRATEGIES if path.stem == name)
    kind = "reward" if "feedback" in name else "delay"
    keeping = "benchmark.online.checkpoint_steps=2"
    config = online_config(path, "dataset", kind, keeping, limit=60).model_copy(
        update={
            "benchmark": "small",
            "strategy": name,
        }  # the names of all overrides are longer than a file's may be
    )

    def started(folder, observer):
        return runner.run(
            config, results=tmp_path / folder, progress=False, observer=observer, sources=sources
        )

    whole, resumed = Death(), Death()
    undisturbed = started("undisturbed", whole)
    with pytest.raises(KeyboardInterrupt):
        started("killed", Death(step))
    again = started("killed", resumed)
    states = [whole.kept, resumed.kept]
    assert any(place.startswith("strategy/pending/ids") for place in states[0])
    assert states[0] == states[1]
    assert result_files(again.folder) == result_files(undisturbed.folder)

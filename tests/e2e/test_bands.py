"""Facts about the toy world, on the committed records of the shipped weights: a band that breaks means a broken world,
strategy or evaluator. `make bench-ci` compares fresh runs with these records. Label space `dataset`."""

import numpy as np
import pytest
from conftest import ROOT

from clvl_bench.config.backbones import assets
from clvl_bench.records import sha256
from clvl_bench.report import load
from clvl_bench.report.matrices import Matrices, of_records

COMMITTED = ROOT / "results" / "toy_landcover"


@pytest.fixture(scope="module")
def runs() -> dict[str, list[Matrices]]:
    found: dict[str, list[Matrices]] = {}
    for run in load([COMMITTED]):
        found.setdefault(run.origin.strategy, []).append(of_records(run.records))
    return found


def mean(runs, strategy: str, number: str) -> float:
    assert len(runs[strategy]) >= 3, f"{strategy} has {len(runs[strategy])} runs"
    return float(np.mean([matrices.per_run()[number] for matrices in runs[strategy]]))


def lost(runs, strategy: str) -> np.ndarray:
    """Zero-shot minus final accuracy on each held-out dataset, mean over runs: [postcards, shapes]."""
    return np.mean([matrices.heldout[0] - matrices.heldout[-1] for matrices in runs[strategy]], axis=0)


def test_the_records_are_of_the_shipped_weights():
    weights = sha256((assets() / "model.safetensors").read_bytes())
    assert {run.origin.weights_sha256 for run in load([COMMITTED])} == {weights[:16]}


def test_zero_shot_lies_between_chance_and_joint_training(runs):
    zeroshot = mean(runs, "zeroshot", "zeroshot")
    assert 0.10 + 0.15 <= zeroshot <= mean(runs, "joint", "last") - 0.20


def test_the_general_world_is_known(runs):
    postcards = [matrices.heldout[0, matrices.heldout_names.index("toy_postcards")] for matrices in runs["zeroshot"]]
    assert min(postcards) >= 0.95


def test_fine_tuning_forgets_and_loses_the_general_world(runs):
    assert mean(runs, "finetune", "forgetting") >= 0.15
    assert lost(runs, "finetune").mean() >= 0.10


def test_replay_is_worth_fifteen_points(runs):
    assert mean(runs, "finetune_replay", "last") - mean(runs, "finetune", "last") >= 0.15


def test_distillation_keeps_the_general_world_outside_its_reference_set_too(runs):
    assert (lost(runs, "finetune_distill") <= 0.03).all()


def test_a_prompt_can_learn_the_domain(runs):
    assert mean(runs, "prompt_joint", "last") - mean(runs, "zeroshot", "zeroshot") >= 0.10

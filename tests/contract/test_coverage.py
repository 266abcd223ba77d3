"""What the audited runs cover together: taking turns, they leave no kind of method out."""

import pytest
from contract.audited import LABELS_COME, STREAMING, STREAMS, SUPERVISED, WHOLE, kinds_of
from contract.coverage import audited_runs, covered, values_of
from contract.tables import STRATEGIES
from small_backbones import FAMILIES

from clvl_bench.methods.registry import adapter_kinds, adapters, plugin_kinds


@pytest.fixture(scope="module")
def runs():
    return audited_runs()


@pytest.fixture(scope="module")
def found(runs):
    return covered(runs)


def of(strategies):
    """The kinds of methods in them."""
    return {kind for path in strategies for kind in kinds_of(path)}


def test_every_strategy_is_audited_and_no_run_twice(runs):
    assert {run.strategy for run in runs} == set(STRATEGIES)
    assert len({str(run) for run in runs}) == len(runs)


def test_every_kind_of_method_is_audited_with_every_input_that_a_strategy_gives_it(found):
    assert found["input_kind"].keys() == {*adapter_kinds(), *plugin_kinds()}
    for path in STRATEGIES:
        kinds = kinds_of(path)
        for kind in kinds:
            assert adapters()[kinds[0]].input_kind in found["input_kind"][kind]


def test_every_kind_of_method_meets_every_label_space(found):
    for kind in of([*WHOLE, *STREAMING]):
        assert found["label_space"][kind] == set(STREAMS), kind


def test_every_kind_of_method_meets_late_labels_and_rewards_if_it_learns_from_a_stream(found):
    for kind in of(STREAMING):
        assert found["supervision"][kind] >= set(LABELS_COME), kind


def test_every_kind_of_method_meets_all_labels_and_a_few_if_it_learns_from_experiences(found):
    for kind in of(WHOLE):
        assert found["supervision"][kind] >= set(SUPERVISED), kind


def test_every_kind_of_adapter_meets_every_family_of_backbones(found):
    for kind in adapter_kinds():
        assert found["family"][kind] == {"tiny", *FAMILIES}, kind


def test_every_strategy_meets_a_family_of_backbones_beside_the_embedded_one(runs):
    elsewhere = {run.strategy for run in runs if values_of(run)["family"] != "tiny"}
    assert elsewhere == set(WHOLE)

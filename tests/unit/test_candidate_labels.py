"""UPL, GRIP and CPL: which samples get which labels, in cases that are known beforehand, and what
these teach.
"""

import types

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy, one_hot

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.candidate_labels import partial_loss, shared_out
from clvl_bench.methods._base.memory import Memory, insert_labelled
from clvl_bench.methods._base.plugin import Plugin, PluginContext, PseudoLabels
from clvl_bench.methods.anchored_pl.config import AnchoredPlConfig
from clvl_bench.methods.anchored_pl.plugin import AnchoredPl
from clvl_bench.methods.cpl.config import CplConfig
from clvl_bench.methods.cpl.plugin import Cpl, likely
from clvl_bench.methods.grip.config import GripConfig
from clvl_bench.methods.grip.plugin import Grip
from clvl_bench.methods.linear.config import LinearConfig
from clvl_bench.methods.registry import build_adapter
from clvl_bench.methods.replay.config import ReplayConfig
from clvl_bench.methods.replay.plugin import Replay
from clvl_bench.methods.upl.config import UplConfig
from clvl_bench.methods.upl.plugin import Upl, most_confident
from clvl_bench.training.prequential import PseudoTally

PROBABILITIES = torch.tensor([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.5, 0.1, 0.4], [0.2, 0.5, 0.3]])


TABLE = tuple(Candidate(name, "d", ("a photo of a {}.",)) for name in ("river", "forest"))


@pytest.fixture
def context(tiny):
    """Of a head that nothing here asks: targets are made of given probabilities."""
    return PluginContext(build_adapter(LinearConfig(), tiny, TABLE, seed=0))


def places(sets):
    return [tuple(row.nonzero().flatten().tolist()) for row in sets]


def test_upl_takes_the_surest_of_each_class_that_is_predicted_and_leaves_out_the_others():
    assert places(most_confident(PROBABILITIES, 2)) == [(0,), (0,), (), (1,)]


def test_upl_labels_everything_by_the_most_probable_class_where_as_many_are_asked_for(context):
    assert torch.equal(
        Upl(UplConfig(top=4), context).sets(PROBABILITIES, 1),
        one_hot(PROBABILITIES.argmax(dim=1), 3).bool(),
    )


def test_grip_gives_each_class_its_number_and_each_sample_one_label():
    # 0.7 takes class 0, 0.6 and 0.5 find it full; 0.5 takes class 1, 0.4 class 2; the second
    # sample's other classes are full.
    assert places(shared_out(PROBABILITIES, 1)) == [(0,), (), (2,), (1,)]


@pytest.mark.parametrize("number", range(1, 6))
def test_grip_labels_more_each_round_and_in_the_last_all_that_divide_evenly(number, context):
    probabilities = torch.rand(30, 3, generator=torch.Generator().manual_seed(0)).softmax(dim=1)
    sets = Grip(GripConfig(rounds=5), context).sets(probabilities, number)
    assert sets.sum(dim=0).tolist() == [2 * number] * 3
    assert sets.sum(dim=1).max() == 1


def test_one_class_alone_is_everybodys_label(context):
    alone = torch.ones(4, 1)
    for plugin in (
        Upl(UplConfig(top=4), context),
        Grip(GripConfig(rounds=1), context),
        Cpl(CplConfig(rounds=1), context),
    ):
        assert plugin.sets(alone, 1).all()


def test_cpl_takes_the_shortest_prefix_whose_sum_reaches_theta():
    assert places(likely(PROBABILITIES, 0.6)) == [(0,), (0,), (0, 2), (1, 2)]
    assert places(likely(PROBABILITIES, 0.95)) == [(0, 1, 2), (0, 1, 2), (0, 1, 2), (0, 1, 2)]


def test_cpl_without_bounds_leaves_every_class_and_teaches_nothing(context):
    sure = torch.cat([PROBABILITIES, torch.tensor([[1.0, 0.0, 0.0]])])
    sets = Cpl(CplConfig(within=1.0, across=0.0), context).candidates(sure)
    assert sets[:4].all()
    assert partial_loss(PROBABILITIES.log(), sets[:4]).item() == pytest.approx(0.0, abs=1e-6)


def test_cpl_takes_of_each_class_the_samples_that_are_surest_of_it(context):
    # Within: all (theta 0.7). Across: the upper half of each column, by linear interpolation above
    # 0.55, 0.25, 0.2.
    sets = Cpl(CplConfig(within=1.0, across=0.5), context).candidates(PROBABILITIES)
    assert places(sets) == [(0,), (0, 1), (2,), (1, 2)]


def test_a_set_of_one_class_costs_the_cross_entropy_and_a_larger_one_its_probability():
    scores = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 1, 0])
    logs = scores.log_softmax(dim=1)
    assert partial_loss(logs, one_hot(labels, 3).bool()).item() == pytest.approx(
        cross_entropy(scores, labels).item(), abs=1e-6
    )
    pairs = ~one_hot(labels, 3).bool()
    assert partial_loss(logs, pairs).item() == pytest.approx(
        -(1 - logs.exp()[range(5), labels]).log().mean().item(), abs=1e-6
    )


class Noted(Grip):
    """GRIP that notes in which round it was asked for targets, by which probabilities, and the
    head's rows at that moment.
    """

    def sets(self, probabilities, number):
        self.asked = [
            *getattr(self, "asked", []),
            (number, probabilities, self.adapter.weight.detach().clone()),
        ]
        return super().sets(probabilities, number)


def taught(tiny, *, rounds, epochs, kind=Noted):
    """A head away from its start, an experience of six samples without a label, and the plugin
    after every epoch.
    """
    head = build_adapter(LinearConfig(), tiny, TABLE, seed=0)
    head.begin((0, 1))
    head.scored = (0, 1)
    head.bias.requires_grad_(False)
    with torch.no_grad():
        head.weight[0] += 1.0
    config = GripConfig(rounds=rounds) if issubclass(kind, Grip) else CplConfig(rounds=rounds)
    plugin = kind(config, PluginContext(head))
    dataset = Dataset([-1] * 6)
    features = torch.randn(6, tiny.width, generator=torch.Generator().manual_seed(0))
    dataset[:] = [(feature, *rest) for feature, (_, *rest) in zip(features, dataset, strict=True)]
    optimizer = torch.optim.SGD([head.weight], lr=1.0, momentum=0.9)
    clock = types.SimpleNamespace(train_exp_epochs=0)
    experience = types.SimpleNamespace(dataset=dataset, classes_in_this_experience=[0, 1])
    strategy = types.SimpleNamespace(
        experience=experience,
        clock=clock,
        train_epochs=epochs,
        model=head,
        device="cpu",
        optimizer=optimizer,
    )
    plugin.before_training_exp(strategy)
    for clock.train_exp_epochs in range(strategy.train_epochs):
        plugin.before_training_epoch(strategy)
        yield plugin, head, features, optimizer
        head.weight.grad = torch.ones_like(head.weight)
        optimizer.step()
        with torch.no_grad():
            head.weight[0] += 3.0


@pytest.mark.parametrize(("rounds", "epochs"), [(3, 2), (2, 1), (10, 3), (1, 4)])
def test_grip_makes_labels_once_a_round_and_each_round_is_as_long_as_a_training(
    tiny, rounds, epochs
):
    numbers = []
    for plugin, *_ in taught(tiny, rounds=rounds, epochs=epochs):
        numbers.append(plugin.asked[-1][0])
    assert numbers == [number for number in range(1, rounds + 1) for _ in range(epochs)]
    assert [number for number, *_ in plugin.asked] == list(range(1, rounds + 1))


def test_grip_leaves_the_next_experience_its_epochs(tiny):
    head = build_adapter(LinearConfig(), tiny, (Candidate("river", "d", ("{}",)),), seed=0)
    plugin = Grip(GripConfig(rounds=3), PluginContext(head))
    for labels, during in (([-1] * 6, 12), ([0] * 6, 4)):
        experience = types.SimpleNamespace(dataset=Dataset(labels), classes_in_this_experience=[0])
        strategy = types.SimpleNamespace(experience=experience, train_epochs=4)
        plugin.before_training_exp(strategy)
        assert strategy.train_epochs == during
        plugin.after_training_exp(strategy)
        assert strategy.train_epochs == 4


class NotedCpl(Cpl):
    """CPL that notes in which round it was asked for sets."""

    def sets(self, probabilities, number):
        self.asked = [*getattr(self, "asked", []), number]
        return super().sets(probabilities, number)


def test_cpl_makes_its_sets_once_a_round_and_begins_each_round_anew(tiny):
    starts = []
    for plugin, head, _, optimizer in taught(tiny, rounds=3, epochs=2, kind=NotedCpl):
        starts.append((len(plugin.asked), head.weight.detach().clone(), len(optimizer.state)))
    assert [number for number, *_ in starts] == [1, 1, 2, 2, 3, 3]
    for _, weight, moments in starts[::2]:
        assert torch.equal(weight, starts[0][1])
        assert moments == 0


def test_cpl_learns_from_more_samples_each_round_with_their_whole_sets(context):
    probabilities = torch.rand(60, 3, generator=torch.Generator().manual_seed(0)).softmax(dim=1)
    cpl = Cpl(CplConfig(within=1.0, across=0.0, rounds=5), context)
    assert cpl.candidates(probabilities).sum() > 60
    for number in range(
        1, 5
    ):  # in the last round a class may find no candidate left that has no place
        sets = cpl.sets(probabilities, number)
        taken = (sets > 0).any(dim=1)
        assert taken.sum() == 12 * number
        assert torch.equal((sets > 0)[taken], cpl.candidates(probabilities)[taken])


def test_candidates_count_with_their_shares_in_the_first_round_of_cpl_and_alike_in_later_ones(
    context,
):
    # Sets as above: (0), (0, 1), (2), (1, 2). With room for two samples a class every one of them
    # is taken.
    cpl = Cpl(CplConfig(within=1.0, across=0.5, rounds=2), context)
    rows = PROBABILITIES.repeat(3, 1)
    soft, hard = cpl.sets(rows, 1), cpl.sets(rows, 2)
    assert hard.dtype == torch.bool
    whole = [0.7, 0.6 + 0.3, 0.4, 0.5 + 0.3]
    for row in torch.nonzero(soft.any(dim=1)).flatten().tolist():
        expected = PROBABILITIES[row % 4] * hard[row] / whole[row % 4]
        assert torch.allclose(soft[row], expected, atol=1e-6)


def test_weights_of_a_set_weigh_its_probabilities():
    """The loss of the released code for soft candidates: -log of the sum of p times the weight."""
    logs = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).log_softmax(dim=1)
    weights = torch.rand(5, 3, generator=torch.Generator().manual_seed(1))
    weights[:, 1] = 0
    expected = -(logs.exp() * weights).sum(dim=1).log().mean()
    assert partial_loss(logs, weights).item() == pytest.approx(expected.item(), abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_dealing_out_pairs_is_what_samples_that_propose_to_classes_end_with(seed):
    """Gale & Shapley 1962: a sample asks its classes in turn, a full class lets go of the one it
    wants least.
    """
    generator = torch.Generator().manual_seed(seed)
    wants = torch.rand(20, 4, generator=generator)
    wants = wants.masked_fill(torch.rand(20, 4, generator=generator) < 0.4, -1.0)
    held = {label: [] for label in range(4)}
    asked = [
        sorted((label for label in range(4) if row[label] >= 0), key=lambda label: -row[label])
        for row in wants
    ]
    waiting = list(range(20))
    while waiting:
        sample = waiting.pop()
        if not asked[sample]:
            continue
        label = asked[sample].pop(0)
        held[label].append(sample)
        if len(held[label]) > 3:
            least = min(held[label], key=lambda other: float(wants[other, label]))
            held[label].remove(least)
            waiting.append(least)
    sets = shared_out(wants, 3)
    for label, samples in held.items():
        assert sorted(samples) == torch.nonzero(sets[:, label]).flatten().tolist()


def test_the_first_targets_are_zero_shots_and_the_next_ones_the_models(tiny):
    *_, (plugin, head, features, _) = taught(tiny, rounds=2, epochs=2)
    (_, first, started), (_, second, moved) = plugin.asked
    images = tiny.logit_scale * l2_normalize(features)
    assert torch.allclose(
        first, (images @ tiny.class_features(head.classes).T).softmax(dim=1), atol=1e-5
    )
    assert torch.allclose(second, (images @ moved.T).softmax(dim=1), atol=1e-5)
    assert not torch.allclose(first, (images @ started.T).softmax(dim=1), atol=1e-2)
    assert not torch.equal(moved, started)


def test_grip_begins_a_round_anew_with_its_weights_and_without_momentum(tiny):
    epochs = taught(tiny, rounds=2, epochs=2)
    starts = [
        (head.weight.detach().clone(), len(optimizer.state)) for _, head, _, optimizer in epochs
    ]
    (first, held), (_, moving), (second, left), _ = starts
    assert torch.equal(first, second)
    assert (held, left) == (0, 0)
    assert moving > 0


class Dataset(list):
    """Samples (input, label, sample id, task) with the attributes that Avalanche's datasets
    have.
    """

    def __init__(self, labels):
        super().__init__(
            (torch.tensor([float(row)]), label, 10 + row, 0) for row, label in enumerate(labels)
        )
        self.targets, self.sample_ids = labels, [10 + row for row in range(len(labels))]


def test_a_memory_takes_pseudo_labels_for_samples_without_a_label_and_no_others():
    memory = Memory(10, "reservoir", seed=0)
    insert_labelled(memory, Dataset([2, -1, -1, 1]), {10: 0, 12: 5})
    inputs, labels, ids, _ = memory.columns
    assert dict(zip(ids.tolist(), labels.tolist(), strict=True)) == {10: 2, 12: 5, 13: 1}
    assert sorted(inputs.flatten().tolist()) == [0.0, 2.0, 3.0]


@pytest.mark.parametrize(("wanted", "kept"), [(True, {10: 2, 11: 0}), (False, {10: 2})])
def test_replay_keeps_what_was_learned_from_by_a_pseudo_label_if_it_is_told_to(wanted, kept):
    said = Plugin()
    said.pseudo_labels = [
        PseudoLabels(
            *(torch.tensor(column).numpy() for column in ([11, 12], [0, 1], [True, False]))
        )
    ]
    replay = Replay(ReplayConfig(memory_size=10, pseudo_labelled=wanted), PluginContext())
    experience = types.SimpleNamespace(dataset=Dataset([2, -1, -1]))
    replay.after_training_exp(types.SimpleNamespace(experience=experience, plugins=[said, replay]))
    _, labels, ids, _ = replay.memory.columns
    assert dict(zip(ids.tolist(), labels.tolist(), strict=True)) == kept


def test_anchored_pl_takes_samples_for_classes_of_their_experience_alone(context):
    class Loud(AnchoredPl):
        def targets(self, inputs, scored, *, share):
            return torch.tensor([[0.1, 0.2, 0.7]]).masked_fill(~scored, 0.0).expand(len(inputs), -1)

    for among, label in (("scored", 2), ("experience", 1)):
        plugin = Loud(AnchoredPlConfig(keep=1.0, margin=0.0, among=among), context)
        output = torch.zeros(1, 3, requires_grad=True)
        step = types.SimpleNamespace(
            mb_x=torch.zeros(1, 2),
            mb_y=torch.tensor([-1]),
            mb_output=output,
            loss=output.sum() * 0,
            learned=1,
            clock=types.SimpleNamespace(train_exp_counter=1),
            mbatch=[torch.zeros(1, 2), torch.tensor([-1]), torch.tensor([7]), torch.tensor([0])],
            experience=types.SimpleNamespace(classes_in_this_experience=[0, 1, -1]),
        )
        plugin.before_backward(step)
        assert plugin.pseudo_labels[0].labels.tolist() == [label]


def test_a_tally_counts_precision_by_what_was_said_and_coverage_by_what_is_true():
    tally = PseudoTally(3)
    columns = [(0, True, 0), (0, True, 1), (1, False, 1), (1, True, 1), (0, False, 0)]
    said, kept, true = (np.array(column) for column in zip(*columns, strict=True))
    tally.add(said[:2], kept[:2], true[:2])
    again = PseudoTally(3)
    again.load(tally.state())
    again.add(said[2:], kept[2:], true[2:])
    assert list(again.rates()) == [
        (0, "class_pseudo_precision", 1 / 2, 2),
        (0, "class_pseudo_coverage", 1 / 2, 2),
        (1, "class_pseudo_precision", 1.0, 1),
        (1, "class_pseudo_coverage", 2 / 3, 3),
    ]

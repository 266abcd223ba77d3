"""The parts of an online stream: the order of samples, what waits, what is scored, what is
rehearsed.
"""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.pending import Pending
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods.iwms.config import IwmsConfig
from clvl_bench.methods.iwms.plugin import Iwms, Rings
from clvl_bench.methods.linear.config import LinearConfig
from clvl_bench.methods.registry import build_adapter
from clvl_bench.metrics.online import delay_gap, over_windows, recovered, regret
from clvl_bench.streams.label_delay import NEVER
from clvl_bench.streams.label_store import LabelStore
from clvl_bench.streams.online_config import Online
from clvl_bench.streams.order import in_order, moments
from clvl_bench.streams.plan import steps_of
from clvl_bench.training.prequential import Prequential

GROUPS = [np.arange(0, 4000), np.arange(4000, 8000), np.arange(8000, 12000)]
LABELS = np.arange(12000) // 2000


def share_of(order, group, start, stop):
    """The share of an experience among the samples of a part of the stream."""
    part = order[int(start * 4000) : int(stop * 4000)]
    return np.isin(part, GROUPS[group]).mean()


@pytest.mark.parametrize("boundaries", ["sharp", "linear", "blurry", "gaussian", "seasonal"])
def test_every_sample_comes_once(boundaries):
    stretches = in_order(GROUPS, LABELS, Online(boundaries=boundaries))
    assert [len(stretch) for stretch in stretches] == [4000, 4000, 4000]
    assert np.array_equal(np.sort(np.concatenate(stretches)), np.arange(12000))
    again = in_order(GROUPS, LABELS, Online(boundaries=boundaries))
    assert all(np.array_equal(*pair) for pair in zip(stretches, again, strict=True))


def test_sharp_boundaries_leave_every_sample_in_its_experience():
    for stretch, group in zip(in_order(GROUPS, LABELS, Online()), GROUPS, strict=True):
        assert np.array_equal(np.sort(stretch), group)
        assert not np.array_equal(stretch, group), "but not in the order of the files"


def test_over_a_linear_boundary_the_new_experience_rises_linearly():
    order = np.concatenate(in_order(GROUPS, LABELS, Online(boundaries="linear", fade=0.8)))
    places = (0.65, 0.8, 1.0, 1.2, 1.35)
    shares = [share_of(order, 1, middle - 0.04, middle + 0.04) for middle in places]
    assert shares == pytest.approx([(middle - 0.6) / 0.8 for middle in places], abs=0.06)
    assert share_of(order, 1, 1.45, 1.55) == 1.0


def test_strays_come_at_any_time():
    order = np.concatenate(in_order(GROUPS, LABELS, Online(boundaries="blurry", strays=0.3)))
    assert share_of(order, 0, 2, 3) == pytest.approx(0.1, abs=0.03), "a third of three tenths"


def test_gaussian_classes_have_a_time_of_their_own():
    when = moments(GROUPS, LABELS, Online(boundaries="gaussian", fade=0.5))
    middles = [when[LABELS == label].mean() for label in range(6)]
    assert middles == pytest.approx([0.25, 0.75, 1.25, 1.75, 2.25, 2.75], abs=0.05)
    assert when[LABELS == 2].std() == pytest.approx(0.5, abs=0.03)


def test_seasons_return():
    when = moments(GROUPS, LABELS, Online(boundaries="seasonal", seasons=4)) / 3
    counts, _ = np.histogram(when[:4000], bins=8, range=(0, 1))
    assert all(
        abs(one - two) < 250 for one, two in zip(counts[0::2], counts[0::2][1:], strict=False)
    )
    density = np.histogram((when[:4000] * 4) % 1, bins=4, range=(0, 1))[0] / 4000
    edges = np.arange(5) / 4
    assert density == pytest.approx(
        np.diff(edges + np.sin(2 * np.pi * edges) / (2 * np.pi)), abs=0.03
    )


def test_a_stream_is_cut_into_steps_and_none_is_lost():
    parts = steps_of(np.arange(10), 4)
    assert [part.tolist() for part in parts] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_what_is_due_is_due_once():
    arrivals = np.array([2, NEVER, 0, 2, 9])
    truth = LabelStore(np.arange(5), arrivals)
    assert [truth.due(step).tolist() for step in range(4)] == [[2], [], [0, 3], []]
    truth.reveal(np.arange(5))
    assert truth.visible_labels.tolist() == [0, -1, 2, 3, 4], "what never arrives is never shown"


def test_rewards_say_whether_and_not_what():
    truth = LabelStore(np.array([3, 1]), rewarding=True)
    assert truth.reward(np.array([0, 1]), np.array([3, 0])).tolist() == [1.0, 0.0]
    assert truth.visible_labels.tolist() == [-1, -1]


def rows(*ids):
    return torch.tensor(ids), (
        torch.tensor([[float(sample), 0.0] for sample in ids]),
        torch.tensor(ids) % 3,
    )


def test_samples_wait_for_their_label_and_the_oldest_leave():
    pending = Pending(4)
    for ids in ((1, 2), (3, 4), (5,)):
        pending.insert(*rows(*ids))
    here, (inputs, actions) = pending.take(torch.tensor([4, 1, 2]))
    assert (here.tolist(), inputs[:, 0].tolist(), actions.tolist()) == ([0, 2], [4.0, 2.0], [1, 2])
    assert (len(pending), pending.lost) == (2, 1)
    assert pending.kept_bytes() == 2 * (8 + 2 * 4 + 8)
    other = Pending(4)
    other.load(pending.state())
    assert (list(other._rows), other.lost, other.kept_bytes()) == ([3, 5], 1, pending.kept_bytes())
    assert Pending(4).kept_bytes() == 0


def test_windows_add_up_to_the_whole_and_the_blind_see_labels_only_when_they_arrive():
    stream = Prequential(steps=3, windows=2, classes=4)
    windows = []
    for true, predicted in (([0, 0], [0, 1]), ([0, 1], [0, 1]), ([1], [0])):
        stream.scored(*(np.array(each) for each in (predicted, predicted, true)), rewarding=False)
        stream.arrived(np.array(true), len(true))
        if (window := stream.step()) is not None:
            windows.append({name: (value, n) for name, value, n in window.rates()})
    assert windows[0] == {
        "prequential": (0.75, 4),
        "blind_last": (0.25, 4),
        "blind_majority": (0.25, 4),
    }
    assert windows[1] == {
        "prequential": (0.0, 1),
        "blind_last": (1.0, 1),
        "blind_majority": (0.0, 1),
    }
    values, sizes = np.array([0.75, 0.0]), np.array([4, 1])
    assert over_windows(values, sizes) == pytest.approx(3 / 5)


def test_a_prequential_state_goes_on():
    one, other = (Prequential(steps=9, windows=3, classes=3) for _ in range(2))
    for step in range(9):
        answers = np.array([step % 3, 1])
        one.scored(answers, answers, np.array([0, step % 2]), rewarding=True)
        one.arrived(answers, 2)
        windows = one.step()
        if step == 4:
            other.load(one.state())
        elif step > 4:
            other.scored(answers, answers, np.array([0, step % 2]), rewarding=True)
            other.arrived(answers, 2)
            assert repr(other.step()) == repr(windows)


def test_what_late_labels_cost_and_what_is_won_back():
    assert delay_gap(0.9, 0.6) == pytest.approx(0.3)
    assert recovered(0.8, 0.6, 0.9) == pytest.approx(2 / 3)
    assert np.isnan(recovered(0.8, 0.9, 0.9)), "where nothing is lost nothing can be won back"
    lost = regret(np.array([0.5, 1.0]), np.array([1.0, 0.5]), np.array([10, 4]))
    assert lost.tolist() == [5.0, 3.0]


def sample(label, x, name):
    return (
        torch.tensor([[x, 1.0]]),
        torch.tensor([label]),
        torch.tensor([name]),
        torch.tensor([0]),
        torch.nn.functional.normalize(torch.tensor([[x, 1.0]])),
    )


def test_rings_keep_the_newest_of_each_class():
    rings = Rings(4)
    for name in range(6):
        rings.insert(sample(0, 0.0, name))
    rings.insert(sample(1, 0.0, 6))
    assert rings.columns[2].tolist() == [4, 5, 6]
    for name, label in ((7, 2), (8, 3), (9, 4)):
        rings.insert(sample(label, 0.0, name))
    assert len(rings) == 4
    assert rings.columns[2].tolist() == [6, 7, 8, 9], "more classes than room: the oldest leave"


@pytest.fixture
def context(tiny):
    """Of a head; features are compared as they are read."""
    classes = tuple(Candidate(name, "d", ("a photo of a {}.",)) for name in ("river", "forest"))
    return PluginContext(build_adapter(LinearConfig(), tiny, classes, seed=0))


def drawn(temperature, scores, context, *, steps=400):
    """Labels that are rehearsed, over many steps of one sample each, from a memory of three classes
    of equal size.
    """
    plugin = Iwms(IwmsConfig(memory_size=60, temperature=temperature), context)
    for name, label in enumerate(itertools.islice(itertools.cycle(range(3)), 60)):
        plugin.memory.insert(sample(label, float(name), name))
    features = torch.nn.functional.normalize(torch.tensor([[1.0, 1.0]]))
    chosen = torch.cat([plugin.draw(scores, features, step) for step in range(steps)])
    return torch.bincount(plugin.memory.labels[chosen], minlength=3) / steps


def test_what_is_rehearsed_follows_what_the_model_expects_now(context):
    prior = torch.tensor([[0.7, 0.2, 0.1]])
    assert drawn(1.0, prior.log(), context).tolist() == pytest.approx([0.7, 0.2, 0.1], abs=0.06)


def test_without_expectations_rehearsal_is_class_balanced(context):
    assert drawn(1e9, torch.tensor([[5.0, 0.0, -3.0]]), context).tolist() == pytest.approx(
        [1 / 3] * 3, abs=0.07
    )


def test_updates_alternate_between_newest_labels_and_random_memory_beside_what_is_weighted(context):
    """Where no label has arrived, the random half stands in for the newest."""
    plugin = Iwms(IwmsConfig(memory_size=60, temperature=1.0), context)
    for name in range(30):
        plugin.memory.insert(sample(0, float(name), name))
    new = [
        torch.full((2, 2), 9.0),
        torch.zeros(2, dtype=torch.long),
        torch.tensor([100, 101]),
        torch.zeros(2, dtype=torch.long),
    ]
    none = [column[:0] for column in new]
    prediction = SimpleNamespace(scores=torch.zeros(3, 1), inputs=torch.ones(3, 2))
    found = []
    for update, batch in enumerate((new, new, new, none)):
        clock = SimpleNamespace(
            train_iterations=update, train_epoch_iterations=update, train_exp_counter=7
        )
        strategy = SimpleNamespace(clock=clock, prediction=prediction, mbatch=list(batch))
        plugin.before_training_iteration(strategy)
        found.append(strategy.mbatch[2].tolist())
    weighted = found[0][2:]
    assert [ids[:2] == [100, 101] for ids in found] == [True, False, True, False]
    assert [len(ids) for ids in found] == [5, 6, 5, 6]
    assert all(ids[-3:] == weighted for ids in found), "drawn once a step"
    assert {*found[1], *found[3]} <= set(range(30))


def test_of_a_class_what_looks_alike_is_rehearsed_more_often_and_nothing_twice_in_a_step(context):
    plugin = Iwms(IwmsConfig(memory_size=2, temperature=1.0), context)
    for name, x in ((0, 1.0), (1, -1.0)):
        plugin.memory.insert(sample(0, x, name))
    features = torch.nn.functional.normalize(torch.tensor([[1.0, 1.0]]))
    first = torch.cat([plugin.draw(torch.zeros(1, 1), features, step) for step in range(1000)])
    likely = 1 / (1 + np.exp(-1.0))  # cosines 1 and 0
    assert (first == 0).float().mean().item() == pytest.approx(likely, abs=0.05)
    assert sorted(plugin.draw(torch.zeros(2, 1), features.expand(2, -1), 0).tolist()) == [0, 1]

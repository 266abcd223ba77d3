"""Which samples a memory keeps."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy import stats

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.methods._base.memory import Memory, herding, reservoir

POLICIES = ("reservoir", "class_balanced", "herding")


def fill(memory: Memory, labels: list[int], start: int = 0) -> None:
    column = torch.tensor(labels)
    positions = torch.arange(start, start + len(labels))
    memory.insert(
        column, lambda rows: (positions[rows].float()[:, None], column[rows], positions[rows])
    )


def memory_of(size: int, policy: str, *, seed: int = 0, max_bytes: int | None = None) -> Memory:
    """Herding looks at a feature that turns with the position of a sample."""
    return Memory(
        size,
        policy,
        seed=seed,
        max_bytes=max_bytes,
        features=lambda inputs: torch.cat([inputs.double().sin(), inputs.double().cos()], 1),
    )


def _rows_of(columns, rows):
    return tuple(column[rows] for column in columns)


def test_reservoir_keeps_every_sample_with_equal_probability():
    size, arrivals, repeats = 5, 20, 4000
    counts = np.zeros(arrivals)
    for seed in range(repeats):
        held = reservoir(np.empty(0, dtype=np.int64), 0, 8, size=size, key=(seed, "a"))
        held = reservoir(held, 8, arrivals - 8, size=size, key=(seed, "b"))
        counts[held] += 1
    expected = np.full(arrivals, repeats * size / arrivals)
    # Inclusions are not independent, which makes the statistic smaller than chi-squared: the test
    # errs on the safe side.
    assert stats.chisquare(counts, expected).pvalue > 0.001
    assert counts.sum() == repeats * size


def test_reservoir_memory_is_uniform_over_the_stream_whatever_the_batches():
    kept = np.zeros(30)
    for seed in range(600):
        memory = Memory(6, "reservoir", seed=seed)
        for start in range(0, 30, 10):
            fill(memory, [0] * 10, start)
        kept[memory.draw(6, 0)[2].numpy()] += 1
    assert stats.chisquare(kept).pvalue > 0.001


@pytest.mark.parametrize("size", [0, 1, 7, 100])
def test_memory_never_holds_more_than_its_size(size):
    for policy in POLICIES:
        memory = memory_of(size, policy)
        for start, labels in enumerate(([0] * 9, [1] * 3, [2] * 20, [0, 1, 2])):
            fill(memory, labels, start * 100)
            assert len(memory) <= size


@pytest.mark.parametrize("policy", POLICIES[1:])
def test_counts_of_classes_differ_by_at_most_one(policy):
    memory = memory_of(10, policy, seed=3)
    for start, labels in enumerate(([0] * 50 + [1] * 40, [2] * 60, [3] * 30)):
        fill(memory, labels, start * 1000)
        counts = np.bincount(memory.labels.numpy())
        assert counts.max() - counts.min() <= 1
        assert counts.sum() == 10


def test_an_empty_memory_and_a_memory_of_nothing_can_be_drawn_from():
    assert len(Memory(0, "reservoir", seed=0)) == 0
    memory = Memory(0, "class_balanced", seed=0)
    fill(memory, [0, 1])
    assert len(memory) == 0


def test_state_goes_on_exactly_where_it_was():
    for policy in POLICIES:
        memory, again = memory_of(8, policy, seed=1), memory_of(8, policy, seed=1)
        fill(memory, [0] * 20 + [1] * 5)
        again.load(memory.state())
        for one in (memory, again):
            fill(one, [2] * 30, 100)
        assert torch.equal(memory.draw(8, 5)[2], again.draw(8, 5)[2])


def test_bytes_are_those_of_the_tensors():
    memory = Memory(4, "reservoir", seed=0)
    fill(memory, [0] * 9)
    assert memory.kept_bytes() == 4 * (4 + 8 + 8)  # a float32, an int64 label, an int64 position


def test_a_draw_has_no_sample_twice():
    memory = Memory(16, "reservoir", seed=0)
    fill(memory, [0] * 40)
    positions = memory.draw(16, "key")[2].tolist()
    assert len(set(positions)) == 16


def features_of(count: int, seed: int = 0):
    random = np.random.default_rng(seed)
    return l2_normalize(torch.from_numpy(random.normal(size=(count, 5)) + random.normal(size=5)))


def test_the_first_exemplar_is_the_one_nearest_to_the_class_mean():
    for seed in range(20):
        features = features_of(30, seed)
        nearest = np.linalg.norm(features.numpy() - features.numpy().mean(axis=0), axis=1).argmin()
        assert herding(features, 1).tolist() == [nearest]


def test_every_exemplar_brings_the_mean_of_those_taken_nearest_to_the_class_mean():
    rows = features_of(12).numpy()
    order = herding(features_of(12), 12).tolist()
    assert sorted(order) == list(range(12))
    for taken in range(1, 12):
        means = {row: rows[[*order[:taken], row]].mean(axis=0) for row in order[taken:]}
        assert order[taken] == min(
            means, key=lambda row: np.linalg.norm(means[row] - rows.mean(axis=0))
        )


def test_fewer_exemplars_are_the_first_of_more():
    features = features_of(20)
    assert herding(features, 7).tolist() == herding(features, 20)[:7].tolist()


def test_herded_means_are_nearer_to_the_class_mean_than_those_of_a_draw():
    herded, drawn = [], []
    for seed in range(20):
        rows = features_of(40, seed).numpy()
        choice = np.random.default_rng(seed).permutation(40)[:5]
        errors = [
            np.linalg.norm(rows[part].mean(axis=0) - rows.mean(axis=0))
            for part in (herding(features_of(40, seed), 5), choice)
        ]
        herded.append(errors[0])
        drawn.append(errors[1])
    assert np.mean(herded) < 0.5 * np.mean(drawn)


def test_a_herded_class_loses_those_that_were_taken_last():
    memory = memory_of(12, "herding")
    fill(memory, [0] * 40)
    order = memory.columns[2].tolist()
    fill(memory, [1] * 40, 100)
    assert memory.columns[2][memory.labels == 0].tolist() == order[:6]
    fill(memory, [2] * 40, 200)
    assert memory.columns[2][memory.labels == 0].tolist() == order[:4]


def test_a_class_that_arrives_once_more_is_herded_among_the_kept_and_the_new():
    mixed = 0
    for start in range(50, 90):
        memory = memory_of(4, "herding")
        fill(memory, [0] * 10)
        kept = memory.columns[2].tolist()
        fill(memory, [0] * 10, start)
        pool = torch.tensor([*kept, *range(start, start + 10)])
        angles = pool.float()[:, None].double()
        expected = pool[
            torch.from_numpy(herding(torch.cat([angles.sin(), angles.cos()], 1), 4))
        ].tolist()
        assert memory.columns[2].tolist() == expected
        mixed += [position >= start for position in expected] != sorted(
            position >= start for position in expected
        )
    assert mixed, "in some case a new one stands before one that was kept"


def test_without_features_herding_is_refused():
    with pytest.raises(ValueError, match="pass features="):
        Memory(4, "herding", seed=0)


ROW = 4 + 8 + 8
"""Bytes of a sample in `fill`: a float32, an int64 label, an int64 position."""


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("policy", POLICIES)
def test_a_budget_is_kept_to_the_byte_and_filled_to_the_last_sample(policy, share):
    stream = [[0] * 150 + [1] * 50, [2] * 100, [1] * 30 + [3] * 70, [4] * 100]
    budget = int(share * sum(map(len, stream)) * ROW) + 7  # not a multiple of a sample
    memory = memory_of(10**6, policy, max_bytes=budget)
    for number, labels in enumerate(stream):
        fill(memory, labels, 1000 * number)
        assert memory.kept_bytes() == len(memory) * ROW <= budget
    if (
        policy == "reservoir" or share < 0.5
    ):  # with fewer samples of a class than its share, some of the rest stays free
        assert budget < (len(memory) + 1) * ROW


@pytest.mark.parametrize("policy", POLICIES)
def test_a_budget_below_one_sample_keeps_none(policy):
    memory = memory_of(0, policy, max_bytes=ROW - 1)
    fill(memory, [0, 1])
    assert (len(memory), memory.kept_bytes()) == (0, 0)


def test_a_reservoir_whose_samples_grow_stays_within_its_budget_and_uniform():
    """As logits do, which get a column for each new class: half as many samples fit then."""
    kept = np.zeros(30)
    for seed in range(600):
        memory = memory_of(0, "reservoir", seed=seed, max_bytes=10 * ROW)
        fill(memory, [0] * 20)
        assert len(memory) == 10
        inputs, *rest = memory.columns
        memory.columns = (
            torch.cat([inputs, inputs.new_zeros(len(inputs), 5)], 1),
            *rest,
        )  # 20 bytes more
        column, positions = torch.zeros(10, dtype=torch.long), torch.arange(20, 30)
        values = torch.zeros(10, 6)
        memory.insert(column, partial(_rows_of, (values, column, positions)))
        assert memory.kept_bytes() == 5 * 2 * ROW
        kept[memory.columns[2].numpy()] += 1
    assert stats.chisquare(kept).pvalue > 0.001


def test_nothing_is_read_where_nothing_enters():
    memory = memory_of(2, "class_balanced")
    fill(memory, [0, 1])
    memory._arrived = {0: 10**9, 1: 10**9}  # so many came that the next will not be drawn
    memory.insert(torch.tensor([0]), lambda rows: pytest.fail("read"))
    assert memory.columns[2].tolist() == [0, 1]


def test_samples_that_grew_are_let_go_although_none_arrives():
    memory = memory_of(0, "reservoir", max_bytes=10 * ROW)
    fill(memory, [0] * 20)
    inputs, *rest = memory.columns
    memory.columns = (torch.cat([inputs, inputs.new_zeros(len(inputs), 5)], 1), *rest)
    memory.insert(torch.empty(0, dtype=torch.long), lambda rows: pytest.fail("read"))
    assert memory.kept_bytes() == 5 * 2 * ROW

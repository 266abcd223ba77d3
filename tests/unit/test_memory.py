"""Which samples a memory keeps."""

import numpy as np
import pytest
import torch
from scipy import stats

from clvl_bench.plugins.memory import Memory, reservoir


def fill(memory: Memory, labels: list[int], start: int = 0) -> None:
    column = torch.tensor(labels)
    positions = torch.arange(start, start + len(labels))
    memory.insert(column, lambda rows: (positions[rows].float()[:, None], column[rows], positions[rows]))


def test_reservoir_keeps_every_sample_with_equal_probability():
    size, arrivals, repeats = 5, 20, 4000
    counts = np.zeros(arrivals)
    for seed in range(repeats):
        held = reservoir(np.empty(0, dtype=np.int64), 0, 8, size=size, key=(seed, "a"))
        held = reservoir(held, 8, arrivals - 8, size=size, key=(seed, "b"))
        counts[held] += 1
    expected = np.full(arrivals, repeats * size / arrivals)
    # Inclusions are not independent, which makes the statistic smaller than chi-squared: the test errs on the safe side.
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
    for policy in ("reservoir", "class_balanced"):
        memory = Memory(size, policy, seed=0)
        for start, labels in enumerate(([0] * 9, [1] * 3, [2] * 20, [0, 1, 2])):
            fill(memory, labels, start * 100)
            assert len(memory) <= size


def test_class_balanced_counts_differ_by_at_most_one():
    memory = Memory(10, "class_balanced", seed=3)
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
    for policy in ("reservoir", "class_balanced"):
        memory, again = Memory(8, policy, seed=1), Memory(8, policy, seed=1)
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

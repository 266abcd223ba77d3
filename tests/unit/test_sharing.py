"""Several processes that share a batch have the features and the gradients of one alone."""

import pytest
import torch
from helpers.processes import joined
from torch import nn

from clvl_bench.backbones import sharing
from clvl_bench.backbones.sharing import average_gradients, batches_shared, shared
from clvl_bench.core import world
from clvl_bench.core.rng import keyed

ROWS = 7
"""Of which two processes have three and four."""


class Tower(nn.Module):
    """A tower that drops some of what it sees, and a head that sees the whole batch: its loss mixes
    the rows, so that no row's gradient is its own.
    """

    def __init__(self):
        super().__init__()
        with keyed("tower"):
            self.inside = nn.Sequential(nn.Linear(5, 6), nn.Dropout(0.3), nn.Tanh())
            self.head = nn.Linear(6, 3)
        self.rows_seen = 0

    def forward(self, batch):
        self.rows_seen += len(batch)
        return self.inside(batch)

    def loss(self, batch):
        features = shared(self, batch)
        return (self.head(features).T.softmax(dim=1) @ features).square().sum()


def batch(rows=ROWS):
    with keyed("batch"):
        return torch.randn(rows, 5)


def learned(rank=0, rows=ROWS):
    """Loss, gradients, what is drawn next, and how many rows the tower saw."""
    tower = Tower()
    with keyed("step"), batches_shared():
        loss = tower.loss(batch(rows))
        drawn = torch.rand(()).item()
    loss.backward()
    average_gradients(tower.parameters())
    gradients = torch.cat([each.grad.flatten() for each in tower.parameters()])
    return [loss.item(), gradients.tolist(), drawn, tower.rows_seen]


@pytest.mark.parametrize(
    ("processes", "rows", "seen"), [(2, 7, [3, 4]), (3, 7, [2, 2, 3]), (3, 2, [2, 2, 2])]
)
def test_loss_gradients_and_draws_are_those_of_one_process(processes, rows, seen):
    loss, gradients, drawn, _ = learned(rows=rows)
    ends = joined(processes, lambda rank: learned(rows=rows))
    for rank, end in enumerate(ends):
        assert end.value[0] == pytest.approx(loss, abs=1e-6)
        assert end.value[1] == pytest.approx(gradients, abs=1e-6)
        assert end.value[2] == drawn
        assert end.value[3] == seen[rank]
        assert end.value[:3] == ends[0].value[:3], "they would go apart"


def test_whoever_takes_gradients_of_his_own_has_whole_ones():
    def own_gradients(rank):
        tower = Tower().eval()
        found = torch.autograd.grad(tower.loss(batch()), list(tower.parameters()))
        return torch.cat([each.flatten() for each in found]).tolist()

    expected = own_gradients(0)
    for end in joined(2, own_gradients):
        assert end.value == expected


def test_features_that_nobody_trains_are_shared_and_are_those_of_one_process():
    def encoded(rank):
        tower = Tower().eval()
        with torch.no_grad():
            return [shared(tower, batch()).tolist(), tower.rows_seen]

    (expected, all_rows), ends = encoded(0), joined(2, encoded)
    assert all_rows == ROWS
    for end, rows in zip(ends, (3, 4), strict=True):
        assert torch.allclose(torch.tensor(end.value[0]), torch.tensor(expected), atol=1e-7)
        assert end.value[1] == rows


def test_alone_nothing_is_between_a_tower_and_its_batch(monkeypatch):
    monkeypatch.delattr(sharing, "_Gathered")
    assert world.size() == 1
    assert torch.equal(shared(Tower().eval(), batch()), Tower().eval()(batch()))

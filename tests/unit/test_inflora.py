"""InfLoRA: limit cases of its branches and of the directions that it keeps away from."""

import pytest
import torch
from helpers.learning import FIRST, SECOND, TABLE, learn, logits, pictures, zeroshot
from torch import nn

from clvl_bench.methods.inflora.branch import Branch
from clvl_bench.methods.inflora.config import InfloraConfig
from clvl_bench.methods.inflora.directions import Directions, largest, none_used
from clvl_bench.methods.registry import build_adapter

FOUR = torch.diag(torch.tensor([3.0, 2.0, 1.0, 0.5], dtype=torch.float64))
"""Inputs along four axes: squared singular values 9, 4, 1, 0.25 of 14.25."""
AXES = torch.eye(4, dtype=torch.float64)


def build(backbone, **settings):
    return build_adapter(InfloraConfig(rank=2, **settings), backbone, TABLE, seed=0).eval()


def gram(rows):
    return rows.T @ rows


def test_a_branch_is_the_layer_with_the_weight_that_merging_gives():
    base, inputs = nn.Linear(5, 4), torch.randn(3, 5)
    branch = Branch(base, 2)
    with torch.no_grad():
        assert torch.equal(branch(inputs), base(inputs))
        branch.down.normal_()
        branch.up.normal_()
        before = branch(inputs)
        assert not torch.allclose(before, base(inputs), atol=1e-2)
        expected = base.weight + branch.up @ branch.down
        branch.merge()
        assert torch.allclose(branch.weight, expected, atol=1e-6)
        assert torch.allclose(branch(inputs), before, atol=1e-5)


def test_watched_inputs_are_summed_whatever_the_batches():
    branch, inputs = Branch(nn.Linear(5, 4), 2), torch.randn(6, 3, 5)
    branch.watch()
    for part in inputs.split(4):
        branch(part)
    rows = inputs.flatten(0, 1).double()
    assert torch.allclose(branch.watched(), gram(rows))
    assert branch.gram is None


def test_the_first_experience_uses_one_direction_less_than_the_threshold_takes_as_released():
    used = none_used(torch.zeros(4, 4)).after(FOUR, 0.9)  # two axes hold 13 of 14.25, one 9
    assert torch.allclose(used.basis.abs(), AXES[:, :1])
    whole = none_used(torch.zeros(4, 4)).after(FOUR, 0.5)  # never none at all
    assert torch.allclose(whole.basis.abs(), AXES[:, :1])


def test_later_ones_add_until_the_threshold_is_held_and_none_if_it_is_already():
    first = Directions(AXES[:, :1])
    assert first.after(FOUR, 0.6) is first
    second = first.after(FOUR, 0.9)
    assert torch.allclose(second.basis.abs(), AXES[:, :2])
    assert not second.free


def test_where_more_than_half_are_used_the_free_ones_are_kept_and_become_fewer():
    free = Directions(AXES[:, :1]).after(FOUR, 0.98)  # 14 of 14.25 are 0.982: three axes
    assert free.free
    assert torch.allclose(free.basis.abs(), AXES[:, 3:])
    inputs = torch.diag(torch.tensor([1.0, 1.0, 1.0, 5.0], dtype=torch.float64))
    assert torch.allclose(free.left_of(inputs), torch.diag(5 * AXES[3]))
    assert free.after(inputs, 0.9).basis.shape == (4, 0)


def test_what_is_left_of_inputs_is_off_the_used_directions_either_way():
    rows = torch.randn(50, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    used = torch.linalg.qr(rows[:4].T).Q
    as_used = Directions(used[:, :2]).left_of(gram(rows))
    as_free = Directions(used[:, 2:], free=True).left_of(gram(rows))
    assert torch.allclose(as_used, as_free)
    assert torch.allclose(used[:, :2].T @ as_used, torch.zeros(2, 4, dtype=torch.float64))


def test_chosen_rows_are_orthogonal_of_length_one_by_root_three_and_zero_where_none_is_left():
    rows = largest(FOUR, 2)
    assert torch.allclose(rows @ rows.T, torch.eye(2, dtype=torch.float64) / 3)
    assert torch.allclose(rows.abs() * 3**0.5, AXES[:2])
    assert not largest(torch.zeros_like(FOUR), 2).any()
    assert torch.equal(largest(torch.diag(AXES[1]), 2)[1], torch.zeros(4, dtype=torch.float64))


def test_it_starts_at_zero_shot_and_texts_stay(backbone, pixels):
    adapter = build(backbone)
    start = zeroshot(backbone, "pixels", pixels, templates=None)
    assert torch.allclose(logits(adapter, pixels), start, atol=1e-4)
    learn(adapter, pixels, FIRST)
    assert not torch.allclose(logits(adapter, pixels), start, atol=1e-2)
    assert torch.equal(adapter.classifier(FIRST), adapter.class_texts(FIRST))


def test_updates_of_an_experience_are_off_all_directions_that_were_used(backbone, pixels):
    adapter = build(backbone)
    learn(adapter, pixels, FIRST)
    used = [directions.basis.float() for directions in adapter._used]
    before = [branch.weight.clone() for layer in adapter.layers for branch in layer]
    learn(adapter, pictures(backbone, "pixels", seed=1), SECOND, key="second")
    after = [branch.weight for layer in adapter.layers for branch in layer]
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        move = new - old
        assert float(move.norm()) > 1e-3
        assert float((move @ used[number // 2]).norm()) < 1e-4 * float(move.norm())


@pytest.mark.parametrize(("learned", "expected"), [(0, 0.95), (2, 0.97), (5, 1.0), (9, 1.0)])
def test_the_threshold_rises_evenly_over_the_experiences_and_then_stays(
    backbone, learned, expected
):
    adapter = build(backbone, experiences=5)
    adapter._learned = learned
    assert adapter._threshold() == pytest.approx(expected)

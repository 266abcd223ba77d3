"""The script behind the table of batches: how samples are put together, what is counted as moved,
and how rows become the table.
"""

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "experiments" / "batch_independence.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("batch_independence", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


# Ids do not begin at 0, and the two classes of the first experience are mixed in it.
EXPERIENCES = [torch.arange(10, 160), torch.arange(160, 200)]
LABELS = torch.cat([torch.arange(160) % 2, torch.full((40,), 2)])


@pytest.mark.parametrize("way", ["one dataset", "mixed", "single", "sorted by class"])
def test_each_way_asks_about_every_test_sample_once(script, way):
    batches = script.batches_of(way, EXPERIENCES, LABELS, order=0)
    assert torch.cat(batches).sort().values.tolist() == list(range(10, 200))
    assert max(len(ids) for ids in batches) == (1 if way == "single" else script.BATCH)


def test_ways_differ_in_who_is_beside_whom(script):
    def parts(way):
        return script.batches_of(way, EXPERIENCES, LABELS, order=0)

    assert not any((ids < 160).any() and (ids >= 160).any() for ids in parts("one dataset"))
    assert all((ids >= 160).any() for ids in parts("mixed"))
    classes = LABELS[torch.cat(parts("sorted by class"))]
    assert torch.equal(classes, classes.sort().values)
    again = script.batches_of("mixed", EXPERIENCES, LABELS, order=1)
    assert not torch.equal(torch.cat(parts("mixed")), torch.cat(again))


class ByMajority:
    """Says of all samples of a batch what most of them are."""

    def logits(self, labels, candidates):
        most = labels.bincount(minlength=2).argmax()
        return torch.eye(2)[most].expand(len(labels), 2)


class AlwaysWrong:
    """Takes each sample, by itself, for the other class."""

    def logits(self, labels, candidates):
        return torch.eye(2)[1 - labels]


def asked(script, adapter):
    """Two experiences of one class each, of as many samples as a batch has."""
    labels = torch.arange(2).repeat_interleave(script.BATCH)
    specs = [SimpleNamespace(ids=ids.numpy()) for ids in torch.arange(len(labels)).chunk(2)]
    plan = SimpleNamespace(
        streams={"test": specs}, tasks=np.zeros(len(labels), int), task_classes=[(0, 1)]
    )
    view = SimpleNamespace(plan=plan, inputs=labels.__getitem__)
    store = SimpleNamespace(_labels=labels.numpy())
    setup = SimpleNamespace(benchmark=SimpleNamespace(view=view, label_store=store))
    return {row["batches"]: row for row in script.asked_in_each_way(adapter, setup, order=0)}


def test_a_majority_is_right_where_batches_are_pure_and_moves_the_minority_where_they_are_not(
    script,
):
    rows = asked(script, ByMajority())
    for way in ("one dataset", "single", "sorted by class"):
        assert (rows[way]["accuracy"], rows[way]["moved"]) == (100, 0)
    assert 0 < rows["mixed"]["moved"] <= 50
    assert rows["mixed"]["accuracy"] + rows["mixed"]["moved"] == 100


def test_what_looks_at_one_sample_moves_nothing_in_any_way(script):
    rows = asked(script, AlwaysWrong())
    assert all((row["accuracy"], row["moved"]) == (0, 0) for row in rows.values())


def test_the_table_has_mean_and_deviation_over_orders_and_the_way_that_moves_most(script, tmp_path):
    rows = ["method,form,benchmark,order,batches,accuracy,moved"]
    for order, shift in ((0, 0), (1, 4)):
        for way, moved in zip(script.BATCHES, (1, 2, 0, 10), strict=True):
            rows.append(f"A,released,w,{order},{way},{50 + shift},{moved + shift}")
    (tmp_path / "rows.csv").write_text("\n".join(rows))
    cells = script.table(tmp_path / "rows.csv").splitlines()[-1]
    # 50 and 54: mean 52, deviation 2 * sqrt(2). Sorted by class moves 10 and 14.
    spread = "52.0 ± 2.8"
    assert cells == f"| A | released | `w` | 2 | {' | '.join([spread] * 4)} | 12.0 |"

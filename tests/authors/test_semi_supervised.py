"""Unlabelled samples: FixMatch, FlexMatch, UPL, GRIP and CPL, beside the code that their authors
released.
"""

from types import SimpleNamespace

import pytest
import torch
from authors.released import assert_equal, candidates, cases, read
from torch.nn.functional import one_hot

from clvl_bench.methods._base.losses import masked_cross_entropy
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods.cpl.config import CplConfig
from clvl_bench.methods.fixmatch.config import FixMatchConfig
from clvl_bench.methods.grip.config import GripConfig
from clvl_bench.methods.linear.config import LinearConfig
from clvl_bench.methods.registry import build_adapter, build_plugin
from clvl_bench.methods.upl.config import UplConfig

NAMES = ["forest", "lake", "river", "road", "house", "field", "boat"]


@pytest.fixture(scope="module")
def head(small_clip):
    """Who learns does not matter here: logits are given."""
    return build_adapter(LinearConfig(), small_clip, candidates(NAMES), seed=0)


def build(config, head):
    return build_plugin(config, PluginContext(head, None, 0))


class Step(SimpleNamespace):
    """A minibatch whose logits are given, without a loss of its own but the cross-entropy of its
    labels.
    """

    def criterion(self):
        return masked_cross_entropy(self.mb_output, self.mb_y)


def step(logits, labels, **more):
    found = Step(
        mb_x=torch.zeros(len(labels), 2),
        mb_y=labels,
        mb_output=logits,
        mbatch=[None, labels],
        **more,
    )
    found.loss = found.criterion()
    return found


def grip_at(released, head):
    """GRIP's plugin in a round with the released numbers of samples, and the step's logits, labels
    and pseudo-labels.
    """
    plugin = build(GripConfig(), head)
    labels, unlabelled = released.integers("labels"), released["unlabelled"].bool()
    plugin.balance = (
        released.settings["pseudo_labelled_samples"] / released.settings["labelled_samples"]
    )
    plugin._classes = torch.arange(len(NAMES))
    plugin._sets = {row: one_hot(label, len(NAMES)).bool() for row, label in enumerate(labels)}
    return plugin, released["logits"].requires_grad_(), labels, unlabelled


def test_grip_weighs_the_labelled_mean_by_pseudo_labelled_over_labelled_samples_as_released(head):
    released = read("grip")
    plugin, logits, labels, unlabelled = grip_at(released, head)
    batch = step(logits, labels.masked_fill(unlabelled, -1))
    batch.mbatch = [None, batch.mb_y, torch.arange(len(labels))]
    assert_equal(torch.tensor(plugin.balance), released["balance"], 1e-6, "balance")
    assert_equal(batch.loss, released["labelled_loss"], 1e-6, "the mean over labelled samples")
    rows = torch.nonzero(unlabelled).flatten()
    assert_equal(
        plugin.loss(batch, rows),
        released["unlabelled_loss"],
        1e-6,
        "the mean over pseudo-labelled samples",
    )
    plugin.before_backward(batch)
    assert_equal(batch.loss, released["loss"], 1e-6, "loss")
    batch.loss.backward()
    assert_equal(logits.grad, released["logits.grad"], 1e-6, "gradient of the logits")


class Samples(list):
    """Samples (input, label, sample id, task) with the attributes that Avalanche's datasets
    have.
    """

    def __init__(self, inputs, labels):
        super().__init__(
            (each, label, row, 0)
            for row, (each, label) in enumerate(zip(inputs, labels, strict=True))
        )
        self.targets, self.sample_ids = labels, list(range(len(labels)))


@pytest.mark.parametrize(("labelled", "expected"), [(5, [7 / 5, 14 / 5]), (0, [1.0, 1.0])])
def test_the_balance_of_a_round_is_counted_from_its_pseudo_labels(
    small_clip, head, labelled, expected
):
    """Two rounds over fourteen samples without a label and seven classes: one sample a class, then
    two.
    """
    plugin = build(GripConfig(rounds=2), head)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(14 + labelled, small_clip.width, generator=generator)
    dataset = Samples(inputs, [-1] * 14 + [0] * labelled)
    experience = SimpleNamespace(dataset=dataset, classes_in_this_experience=range(7))
    head.begin(tuple(range(7)))
    head.scored = tuple(range(7))
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
    clock = SimpleNamespace(train_exp_epochs=0)
    strategy = SimpleNamespace(
        experience=experience,
        clock=clock,
        train_epochs=1,
        model=head,
        device="cpu",
        optimizer=optimizer,
    )
    plugin.before_training_exp(strategy)
    found = []
    for clock.train_exp_epochs in range(strategy.train_epochs):
        plugin.before_training_epoch(strategy)
        found.append(plugin.balance)
    assert found == pytest.approx(expected)


def consistency(plugin, released):
    """The plugin's loss on two views of a batch without labels, and the logits of the strong
    one.
    """
    weak, strong = released["weak"], released["strong"].requires_grad_()
    count = len(weak)
    labels = torch.full((count,), -1)
    pixels = torch.zeros(
        count, 3, 4, 4, dtype=torch.uint8
    )  # pictures, so that a strong view is asked for
    columns = [pixels, labels, torch.arange(count), labels]
    batch = Step(
        mb_x=pixels,
        mb_y=labels,
        mb_output=weak,
        mbatch=columns,
        model=lambda _: strong,
        loss=torch.tensor(0.0),
    )
    plugin.before_training_epoch(batch)
    plugin.before_backward(batch)
    batch.loss.backward()
    return batch.loss, strong


@pytest.mark.parametrize("method", ["fixmatch", "flexmatch"])
def test_the_agreement_of_two_views_costs_what_is_released_for_it(head, method):
    released = read(method)
    flexible = method == "flexmatch"
    plugin = build(FixMatchConfig(tau=released.settings["threshold"], flexible=flexible), head)
    if (
        flexible
    ):  # counts over the largest of them: there of a table of all samples, here a moving average
        plugin.counts = torch.cat([released["class_share"], torch.ones(1)])
    loss, strong = consistency(plugin, released)
    assert_equal(loss, released["loss"], 4e-7, "loss")
    assert_equal(strong.grad, released["strong.grad"], 4e-7, "gradient of the strong view")
    (said,) = plugin.pseudo_labels
    assert said.labels.tolist() == released.integers("pseudo_labels").tolist()
    assert said.kept.mean() == pytest.approx(float(released["share_kept"]), abs=1e-6)
    if not flexible:
        assert said.kept.tolist() == released["above_the_fixed_threshold"].bool().tolist()


def test_flexmatch_counts_who_is_above_the_fixed_threshold_whatever_it_learns_from(head):
    released = read("flexmatch")
    plugin = build(
        FixMatchConfig(tau=released.settings["threshold"], flexible=True, count_momentum=0.0), head
    )
    confidence, labels = released["weak"].softmax(dim=1).max(dim=1)
    sure = released["above_the_fixed_threshold"].bool()
    plugin.thresholds(len(NAMES))
    for row in range(len(sure)):  # without a memory of counts only the last sample is counted
        plugin._count(confidence[row : row + 1], labels[row : row + 1])
        place = int(labels[row]) if sure[row] else -1
        assert plugin.counts[place] == plugin.counts.sum() == 1


def test_upl_selects_the_released_samples_of_each_class(head):
    released = read("upl")
    plugin = build(UplConfig(top=released.settings["top"]), head)
    sets = plugin.sets(released["logits"].softmax(dim=1), 1)
    pseudo_labels = torch.where(sets.any(dim=1), sets.int().argmax(dim=1), -1)
    assert torch.equal(pseudo_labels, released.integers("pseudo_labels"))


@pytest.mark.parametrize("settings", cases("cpl"), ids=lambda case: case["key"])
def test_cpl_has_the_released_candidates(head, settings):
    released = read("cpl")
    case = released.below(settings["key"])
    plugin = build(CplConfig(within=settings["within"], across=settings["across"]), head)
    sets = plugin.candidates(released[settings["probabilities"]])
    assert torch.equal(sets.any(dim=1), case["kept"].bool())
    assert torch.equal(sets, case["candidates"].bool())

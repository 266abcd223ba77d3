"""Memories and springs: DER++, SI and herding, beside the code of Mammoth."""

from types import SimpleNamespace

import pytest
import torch
from authors.released import assert_equal, candidates, read
from torch.nn.functional import cross_entropy

from clvl_bench.backbones.precomputed import PrecomputedBackbone
from clvl_bench.methods._base.adapter import Adapter
from clvl_bench.methods._base.memory import herding
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods.derpp.config import DerppConfig
from clvl_bench.methods.linear.config import LinearConfig
from clvl_bench.methods.registry import build_plugin
from clvl_bench.methods.si.config import SiConfig

SCALE = 25.0
"""Of cosines: what is kept of logits is divided by it, and compared times it, so that its size does
not matter."""


class Classifier(Adapter):
    """Logits as the released models have them: a linear layer on what is read."""

    def __init__(self, weight, bias=None):
        classes, width = weight.shape
        backbone = PrecomputedBackbone(name="none", logit_scale=SCALE, width=width, text={})
        names = [f"c{number}" for number in range(classes)]
        super().__init__(LinearConfig(), backbone, candidates(names))
        self.weight = torch.nn.Parameter(weight.clone())
        self.bias = None if bias is None else torch.nn.Parameter(bias.clone())

    def logits(self, inputs, candidates):
        scores = inputs @ self.weight[list(candidates)].T
        return scores if self.bias is None else scores + self.bias[list(candidates)]


# --- DER++ ---


def derpp(released):
    """The model, its plugin, and all places."""
    model = Classifier(released["head.start"])
    settings = released.settings
    config = DerppConfig(alpha=settings["alpha"], beta=settings["beta"])
    return (
        model,
        build_plugin(config, PluginContext(model, None, 0)),
        tuple(range(len(model.weight))),
    )


def step(model, plugin, places, inputs, labels):
    """One minibatch up to its loss, with what the plugin joins to it and adds."""
    clock = SimpleNamespace(train_exp_counter=0, train_exp_epochs=0, train_epoch_iterations=0)
    batch = SimpleNamespace(clock=clock, device="cpu", mbatch=[inputs, labels])
    plugin.before_training_iteration(batch)
    batch.mb_output = model.logits(batch.mbatch[0], places)
    plugin.after_forward(batch)
    batch.mb_y = batch.mbatch[1]
    batch.loss = cross_entropy(batch.mb_output, batch.mb_y)
    plugin.before_backward(batch)
    return batch


def test_derpp_rehearses_logits_and_labels_as_released():
    released = read("derpp")
    model, plugin, places = derpp(released)
    by_logits, by_labels = released.below("drawn_for_logits"), released.below("drawn_for_labels")
    unread = torch.full((len(by_logits["x"]),), -1)
    draws = {
        "logits": (by_logits["x"], unread, by_logits["logits"] / SCALE),
        "labels": (by_labels["x"], by_labels.integers("labels"), by_logits["logits"] / SCALE),
    }
    plugin.classes = places
    plugin.memory.columns = draws["labels"]
    plugin.memory.draw = lambda count, *key: draws[key[-1]]
    batch = step(model, plugin, places, released["x"], released.integers("labels"))
    assert_equal(batch.loss, released["loss"], 1e-6, "loss")
    batch.loss.backward()
    assert_equal(model.weight.grad, released["head.grad"], 1e-6, "gradient")
    optimizer = torch.optim.SGD([model.weight], lr=0.1)
    optimizer.step()
    _, empty, _ = derpp(released)
    batch = step(model, empty, places, released["x"], released.integers("labels"))
    assert_equal(
        batch.loss, released["loss_with_an_empty_memory"], 1e-6, "loss with an empty memory"
    )
    optimizer.zero_grad()
    batch.loss.backward()
    optimizer.step()
    assert_equal(model.weight, released["head.after"], 1e-6, "weights behind both steps")


def test_derpp_stores_the_released_logits_of_the_step():
    released = read("derpp")
    model, plugin, places = derpp(released)
    batch = step(model, plugin, places, released["x"], released.integers("labels"))
    plugin.after_training_iteration(batch)
    _, labels, cosines = plugin.memory.columns
    assert labels.tolist() == released.integers("labels").tolist()
    assert_equal(SCALE * cosines, released["stored_logits"], 1e-6, "stored logits")


# --- SI ---


def flat(model):
    return torch.cat([model.weight.detach().flatten(), model.bias.detach()])


def flat_of(weights):
    return torch.cat([weights["weight"].flatten(), weights["bias"]])


def test_si_holds_weights_as_released_and_its_importance_is_theirs_where_it_is_not_negative():
    """A negative path counts as 0 here: a spring that pushes has no minimum. That is the whole
    difference.
    """
    released = read("si")
    settings = released.settings
    start = released["task0.weights"][0]
    model = Classifier(start[:60].view(5, 12), start[60:])
    config = SiConfig(strength=settings["c"], damping=settings["xi"])
    plugin = build_plugin(config, PluginContext(model, None, 0))
    places = tuple(range(5))
    strategy = SimpleNamespace()
    theirs = torch.zeros_like(start)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=settings["lr"], momentum=0.9
    )  # one for both tasks, as there
    ours = torch.zeros_like(start)
    for number in range(2):
        task = released.below(f"task{number}")
        plugin.before_training_exp(strategy)
        for row, (inputs, labels) in enumerate(
            zip(task["x"], task.integers("labels"), strict=True)
        ):
            optimizer.zero_grad()
            strategy.loss = cross_entropy(model.logits(inputs, places), labels)
            plugin.before_backward(strategy)
            strategy.loss.backward()
            plugin.before_update(strategy)
            assert_equal(flat(model), task["weights"][row], 1e-6, f"weights before step {row}")
            alone = flat_of(plugin._gradient)
            assert_equal(
                alone, task["gradients_of_the_loss_alone"][row], 1e-6, f"gradient of step {row}"
            )
            optimizer.step()
            plugin.after_update(strategy)
        assert_equal(flat(model), task["weights"][-1], 1e-6, "weights behind the last step")
        assert_equal(
            plugin.penalty(), settings["c"] * task["penalty_before_its_end"], 1e-6, "penalty"
        )
        path = flat_of(plugin._path)
        assert_equal(path, task["small_omega"], 1e-6, "path")
        plugin.after_training_exp(strategy)
        stretch = (task["weights"][-1] - task["weights"][0]).square() + settings["xi"]
        theirs = theirs + task["small_omega"] / stretch
        assert_equal(task["big_omega"], theirs, 1e-6, "their importance, by the paper")
        ours = ours + task["small_omega"].clamp_min(0) / stretch
        assert_equal(flat_of(plugin.importance), ours, 1e-6, "importance without negative paths")
    assert float(read("si")["task1.small_omega"].min()) < 0, (
        "no path is negative, so that nothing is shown"
    )


# --- herding ---


@pytest.mark.parametrize("label", [0, 1])
def test_herding_takes_samples_in_the_released_order(label):
    released = read("herding")
    rows = torch.nonzero(released.integers("labels") == label).flatten()
    features = torch.nn.functional.normalize(released["features"][rows].double(), dim=1)
    taken = herding(features, released.settings["a_class"])
    assert (
        rows[torch.from_numpy(taken)].tolist()
        == released.integers(f"order_of_class{label}").tolist()
    )

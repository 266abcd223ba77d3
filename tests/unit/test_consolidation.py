"""Limit cases of EWC (Kirkpatrick et al. 2017), online EWC (Schwarz et al. 2018), MAS (Aljundi et
al. 2018) and SI (Zenke et al. 2017).
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from clvl_bench.backbones.base import l2_normalize
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods._base.weights import snapshot, trained
from clvl_bench.methods.ewc.config import EwcConfig
from clvl_bench.methods.ewc.plugin import Ewc, empirical_fisher, fisher
from clvl_bench.methods.linear.config import LinearConfig
from clvl_bench.methods.lora.config import LoraConfig
from clvl_bench.methods.mas.config import MasConfig
from clvl_bench.methods.mas.plugin import Mas, sensitivity
from clvl_bench.methods.prompt.config import PromptConfig
from clvl_bench.methods.registry import build_adapter
from clvl_bench.methods.si.config import SiConfig
from clvl_bench.methods.si.plugin import Si
from clvl_bench.runs import checkpoint

TABLE = tuple(
    Candidate(name, "d", ("a photo of a {}.",)) for name in ("forest", "lake", "boat", "car")
)
ALL = (0, 1, 2)


@pytest.fixture
def linear(backbone):
    adapter = build_adapter(LinearConfig(), backbone, TABLE, seed=0)
    adapter.begin(ALL)
    return adapter


@pytest.fixture
def features(backbone):
    return torch.randn(9, backbone.width, generator=torch.Generator().manual_seed(0))


def near(one, other, **tolerance):
    return all(torch.allclose(one[name], other[name], **tolerance) for name in other)


def test_the_fisher_of_logistic_regression_is_its_closed_form(linear, features):
    """Mean over samples of p (1 - p) x^2, for each class and feature."""
    x = (linear.backbone.logit_scale * l2_normalize(features)).double().numpy()
    scores = x @ linear.weight.detach().double().numpy().T
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    found = fisher(linear, features, ALL)
    assert np.allclose(
        found["weight"], np.einsum("nc,nd->cd", p * (1 - p), x**2) / len(x), rtol=1e-3, atol=1e-6
    )
    assert np.allclose(found["bias"], (p * (1 - p)).mean(axis=0), rtol=1e-4)


def test_the_empirical_fisher_of_logistic_regression_is_its_closed_form(linear, features):
    labels = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 1])
    x = (linear.backbone.logit_scale * l2_normalize(features)).double().numpy()
    scores = x @ linear.weight.detach().double().numpy().T
    error = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True) - np.eye(3)[labels]
    found = empirical_fisher(linear, features, labels, ALL)
    assert np.allclose(
        found["weight"], np.einsum("nc,nd->cd", error**2, x**2) / len(x), rtol=1e-3, atol=1e-6
    )


@pytest.mark.parametrize(
    "config", [LoraConfig(rank=2, dropout=0.5), PromptConfig()], ids=["lora", "prompt"]
)
@pytest.mark.parametrize("measure", [fisher, sensitivity])
def test_importance_does_not_depend_on_the_size_of_batches_nor_on_dropout(
    backbone, config, measure
):
    adapter = build_adapter(config, backbone, TABLE, seed=0)
    with torch.no_grad():
        for weight in trained(adapter).values():
            weight.add_(0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)))
    pixels = torch.randint(
        0, 256, (5, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    inputs = pixels if config.input_kind == "pixels" else backbone.image_features(pixels)
    alone, together = (measure(adapter, inputs, ALL, chunk=chunk) for chunk in (1, 5))
    assert near(
        alone, together, rtol=1e-3, atol=1e-6 * max(value.max().item() for value in alone.values())
    )
    assert all(bool((value >= 0).all()) for value in alone.values())
    assert sum(value.sum() for value in alone.values()) > 0


def test_it_is_not_the_squared_gradient_of_the_mean(linear, features):
    """What implementations take that square the gradient of a batch."""
    (gradient,) = torch.autograd.grad(
        linear.logits(features, ALL).log_softmax(dim=-1)[:, 0].mean(), [linear.weight]
    )
    labels = torch.zeros(len(features), dtype=torch.long)
    assert not torch.allclose(
        empirical_fisher(linear, features, labels, ALL)["weight"], gradient**2, rtol=0.1
    )


def stream(plugin, adapter, features, seeds, classes=ALL):
    """Experiences without a loss: every weight goes somewhere, importance is measured there;
    returns these places.
    """
    places = []
    for number, seed in enumerate(seeds):
        dataset = SimpleNamespace(targets=[0] * len(features), rows=features + number)
        dataset_rows = [(row, 0) for row in dataset.rows]
        experience = SimpleNamespace(
            dataset=type("Rows", (list,), {"targets": [0] * len(features)})(dataset_rows),
            classes_in_this_experience=classes,
        )
        clock = SimpleNamespace(train_exp_counter=number)
        strategy = SimpleNamespace(experience=experience, clock=clock, device="cpu")
        plugin.before_training_exp(strategy)
        with torch.no_grad():
            for weight in trained(adapter).values():
                weight.add_(
                    0.01 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed))
                )
        places.append(snapshot(adapter))
        plugin.after_training_exp(strategy)
    return places


def test_at_what_was_learned_the_penalty_and_its_gradient_are_zero(linear, features):
    for plugin in (
        Ewc(EwcConfig(samples=9), PluginContext(linear)),
        Mas(MasConfig(samples=9), PluginContext(linear)),
    ):
        stream(plugin, linear, features, [1])
        plugin.penalty().backward()
        assert plugin.penalty().item() == 0.0
        assert all(weight.grad.abs().max() == 0 for weight in linear.parameters())


def test_one_spring_around_the_weighted_mean_pulls_as_the_springs_of_all_experiences(
    linear, features
):
    plugin = Ewc(EwcConfig(strength=2.0, samples=9), PluginContext(linear))
    fishers, absorb = [], plugin.absorb
    plugin.absorb = lambda measured: (fishers.append(measured), absorb(measured))
    places = stream(plugin, linear, features, [1, 2, 3])
    with torch.no_grad():
        linear.weight.add_(0.1)
    plugin.penalty().backward()
    pull = sum(
        2 * f["weight"] * (linear.weight.detach() - at["weight"])
        for f, at in zip(fishers, places, strict=True)
    )
    assert torch.allclose(linear.weight.grad, pull, rtol=1e-3, atol=1e-4)


def test_online_ewc_lets_the_old_fisher_fade_and_holds_to_the_latest_weights(linear, features):
    plugin = Ewc(EwcConfig(form="online", gamma=0.5, samples=9), PluginContext(linear))
    fishers, absorb = [], plugin.absorb
    plugin.absorb = lambda measured: (fishers.append(measured), absorb(measured))
    places = stream(plugin, linear, features, [1, 2])
    assert near(plugin.centre, places[-1])
    assert torch.allclose(
        plugin.importance["weight"], 0.5 * fishers[0]["weight"] + fishers[1]["weight"]
    )


def test_rows_that_came_since_are_free(backbone, features):
    linear = build_adapter(LinearConfig(), backbone, TABLE, seed=0)
    plugin = Ewc(EwcConfig(samples=9), PluginContext(linear))
    linear.begin((0, 1))
    stream(plugin, linear, features, [1], classes=(0, 1))
    linear.begin((2, 3))
    plugin.before_training_exp(None)
    with torch.no_grad():
        linear.weight[2:] += 1
    assert plugin.penalty().item() == 0.0
    with torch.no_grad():
        linear.weight[:2] += 1
    assert plugin.penalty().item() > 0.0


def test_a_strong_spring_freezes(linear, features):
    """Gradient descent on a pull of its own ends the nearer to the anchor, the stronger the
    spring.
    """
    anchors, ends = [], []
    for strength in (0.0, 1.0, 1e4):
        plugin = Ewc(EwcConfig(strength=strength, samples=9), PluginContext(linear))
        stream(plugin, linear, features, [1])
        start = snapshot(linear)
        moved = torch.optim.SGD([linear.bias], lr=0.1 / (1 + strength))
        for _ in range(50):
            moved.zero_grad()
            (linear.bias.sum() + plugin.penalty()).backward()
            moved.step()
        anchors.append(start["bias"])
        ends.append((linear.bias.detach() - start["bias"]).abs().max().item())
    assert ends[0] > ends[1] > ends[2]
    assert ends[2] < 1e-2


def test_mas_of_one_linear_row_is_its_closed_form(backbone, features):
    """|d y^2 / dw| = 2 |y| |x| for y = w x."""
    linear = build_adapter(LinearConfig(), backbone, TABLE, seed=0)
    linear.begin((0,))
    x = l2_normalize(features)
    expected = (2 * (x @ linear.weight.detach().T).abs() * x.abs()).mean(dim=0)
    assert torch.allclose(sensitivity(linear, features, (0,))["weight"][0], expected, rtol=1e-4)


def test_the_path_integral_of_si_is_the_fall_of_the_loss(linear, features):
    """Small steps down a smooth loss: the omegas of all weights add up to how far it fell (the
    paper's equation 3).
    """
    labels = torch.tensor([0, 1, 2] * 3)
    plugin = Si(SiConfig(), PluginContext(linear))
    plugin.before_training_exp(None)
    optimizer, falls = torch.optim.SGD(linear.parameters(), lr=1e-5), []
    for _ in range(100):
        optimizer.zero_grad()
        loss = cross_entropy(linear.logits(features, ALL), labels)
        falls.append(loss.item())
        loss.backward()
        plugin.before_update(None)
        optimizer.step()
        plugin.after_update(None)
    fall = falls[0] - cross_entropy(linear.logits(features, ALL), labels).item()
    assert fall > 0
    assert sum(path.sum().item() for path in plugin._path.values()) == pytest.approx(fall, rel=0.02)


def test_the_importance_of_si_is_the_path_over_the_squared_way_and_its_spring_has_no_half(linear):
    """What raised the loss on its way counts as nothing; c = 3 times 0.5 / (0.2^2 + 0.01) times the
    square of the new way.
    """
    plugin = Si(SiConfig(strength=3.0, damping=0.01), PluginContext(linear))
    plugin.before_training_exp(None)
    with torch.no_grad():
        linear.bias.add_(0.2)
    plugin._path["bias"] = torch.tensor([0.5, -0.5, 0.0, 0.0])[: len(linear.bias)]
    plugin.after_training_exp(None)
    expected = torch.tensor([0.5 / 0.05, 0.0, 0.0, 0.0])[: len(linear.bias)]
    assert torch.allclose(plugin.importance["bias"], expected)
    with torch.no_grad():
        linear.bias.sub_(0.1)
    assert plugin.penalty().item() == pytest.approx(3.0 * expected.sum().item() * 0.1**2, rel=1e-4)


def test_the_spring_of_mas_has_no_half(linear):
    plugin = Mas(MasConfig(strength=3.0), PluginContext(linear))
    plugin.before_training_exp(None)
    plugin.absorb({name: torch.ones_like(weight) for name, weight in plugin.centre.items()})
    with torch.no_grad():
        linear.bias.add_(0.1)
    assert plugin.penalty().item() == pytest.approx(3.0 * len(linear.bias) * 0.1**2, rel=1e-4)


def test_si_counts_no_gradient_of_its_own_penalty(linear):
    plugin = Si(SiConfig(strength=2.0), PluginContext(linear))
    plugin.before_training_exp(None)
    plugin.importance = {name: torch.ones_like(value) for name, value in plugin.importance.items()}
    with torch.no_grad():
        linear.weight.add_(0.1)
    plugin.penalty().backward()
    plugin.before_update(None)
    assert all(value.abs().max() < 1e-6 for value in plugin._gradient.values())


def test_what_they_keep_goes_through_a_checkpoint(linear, features, tmp_path):
    plugin, other = Ewc(EwcConfig(), PluginContext(linear)), Ewc(EwcConfig(), PluginContext(linear))
    stream(plugin, linear, features, [1])
    checkpoint.write(tmp_path, checkpoint.Checkpoint(1, {"plugin0": plugin.state()}, {}))
    other.load(checkpoint.latest(tmp_path).state["plugin0"])
    assert all(
        torch.equal(other.importance[name], value) for name, value in plugin.importance.items()
    )
    for each in (plugin, other):
        each.before_training_exp(None)
    with torch.no_grad():
        linear.weight.add_(0.1)
    assert plugin.penalty().item() == other.penalty().item() > 0


def test_what_they_keep_goes_through_their_state(linear, features):
    for config in (EwcConfig(), MasConfig(), SiConfig()):
        plugin, other = (config.build(PluginContext(linear)) for _ in range(2))
        if isinstance(plugin, Si):
            plugin.before_training_exp(None)
            plugin.absorb(plugin.measure(None))
        else:
            stream(plugin, linear, features, [1])
        other.load(plugin.state())
        assert near(other.importance, plugin.importance)
        assert near(other.centre, plugin.centre)
        assert plugin.kept_bytes() == 2 * sum(weight.nbytes for weight in linear.parameters())

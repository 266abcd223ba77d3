"""Limit cases of what acts on weights: WiSE-FT, ZSCL's ensemble and weight constraint, task
vectors.
"""

from copy import deepcopy
from types import SimpleNamespace

import pytest
import torch

from clvl_bench.core.errors import Mistake
from clvl_bench.core.schema import parse
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods._base.plugin import PluginContext
from clvl_bench.methods._base.weights import snapshot
from clvl_bench.methods.linear.config import LinearConfig
from clvl_bench.methods.prompt.config import PromptConfig
from clvl_bench.methods.registry import build_adapter
from clvl_bench.methods.task_vectors.config import TaskVectorsConfig
from clvl_bench.methods.task_vectors.plugin import TaskVectors
from clvl_bench.methods.weight_average.config import WeightAverageConfig
from clvl_bench.methods.weight_average.plugin import WeightAverage
from clvl_bench.methods.weight_l2.config import WeightL2Config
from clvl_bench.methods.weight_l2.plugin import WeightL2
from clvl_bench.methods.wise_ft.config import WiseFtConfig
from clvl_bench.methods.wise_ft.plugin import WiseFt
from clvl_bench.training.config import StrategyConfig

TABLE = tuple(
    Candidate(name, "d", ("a photo of a {}.",)) for name in ("forest", "lake", "boat", "car")
)


@pytest.fixture
def prompt(backbone):
    return build_adapter(PromptConfig(), backbone, TABLE, seed=0)


def move(adapter, seed):
    """A training: every weight goes somewhere else; returns where."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in adapter.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator))
    return snapshot(adapter)


def experience(plugin, adapter, seed):
    plugin.before_training_exp(None)
    learned = move(adapter, seed)
    plugin.after_training_exp(None)
    return learned


def close(one, other):
    return all(torch.allclose(one[name], other[name], atol=1e-6) for name in other)


@pytest.mark.parametrize("anchor", ["zeroshot", "previous"])
def test_wise_ft_at_one_is_fine_tuning_and_at_zero_its_anchor(prompt, anchor):
    start = snapshot(prompt)
    learned = experience(
        WiseFt(WiseFtConfig(anchor=anchor, alpha=1.0), PluginContext(prompt)), prompt, 1
    )
    assert close(snapshot(prompt), learned)
    other = WiseFt(WiseFtConfig(anchor=anchor, alpha=0.0), PluginContext(prompt))
    experience(other, prompt, 2)
    assert close(snapshot(prompt), learned)
    experience(other, prompt, 3)
    assert close(snapshot(prompt), learned)
    assert not close(start, learned)


def test_wise_ft_with_the_zero_shot_anchor_remembers_the_start_and_with_the_previous_one_does_not(
    prompt,
):
    for anchor, alpha in (("zeroshot", 0.5), ("previous", 0.8)):
        plugin = WiseFt(WiseFtConfig(anchor=anchor, alpha=alpha), PluginContext(prompt))
        start = snapshot(prompt)
        experience(plugin, prompt, 1)
        before = snapshot(prompt)
        learned = experience(plugin, prompt, 2)
        held = start if anchor == "zeroshot" else before
        expected = {name: (1 - alpha) * held[name] + alpha * learned[name] for name in held}
        assert close(snapshot(prompt), expected)
        assert plugin.kept_bytes() == (
            sum(value.nbytes for value in start.values()) if anchor == "zeroshot" else 0
        )


def test_wise_ft_follows_a_head_that_grows(backbone):
    linear = build_adapter(LinearConfig(), backbone, TABLE, seed=0)
    plugin, starts = WiseFt(WiseFtConfig(alpha=0.5), PluginContext(linear)), {}
    for classes in ((0, 1), (2, 3)):
        linear.begin(classes)
        starts |= {
            place: linear.weight[linear.seen_classes.index(place)].detach().clone()
            for place in classes
        }
        learned = experience(plugin, linear, classes[0])
    expected = (
        0.5 * torch.stack([starts[place] for place in linear.seen_classes])
        + 0.5 * learned["weight"]
    )
    assert torch.allclose(linear.weight, expected, atol=1e-6)


def test_the_ensemble_is_the_arithmetic_mean_of_twelve_points_after_1001_steps(prompt):
    plugin = WeightAverage(WeightAverageConfig(every=100), PluginContext(prompt))
    points = [snapshot(prompt)["context"]]
    plugin.before_training_exp(None)
    for step in range(1001):
        now = move(prompt, step)["context"]
        if step % 100 == 0:
            points.append(now)
        plugin.after_training_iteration(None)
    plugin.after_training_exp(None)
    assert len(points) == plugin.points == 12
    assert torch.allclose(prompt.context, torch.stack(points).mean(dim=0), atol=1e-4)
    assert plugin.kept_bytes() == 0


@pytest.mark.parametrize("average", ["uniform", "running"])
def test_the_ensemble_of_weights_that_stay_is_these_weights(prompt, average):
    config = WeightAverageConfig(every=1, average=average)
    plugin, start = WeightAverage(config, PluginContext(prompt)), snapshot(prompt)
    plugin.before_training_exp(None)
    for _ in range(5):
        plugin.after_training_iteration(None)
    plugin.after_training_exp(None)
    assert close(snapshot(prompt), start)


def test_a_running_mean_is_the_closed_form_of_its_recursion(prompt):
    decay = 0.9
    config = WeightAverageConfig(every=1, average="running", decay=decay)
    plugin = WeightAverage(config, PluginContext(prompt))
    points = [snapshot(prompt)["context"]]
    plugin.before_training_exp(None)
    for step in range(4):
        points.append(move(prompt, step)["context"])
        plugin.after_training_iteration(None)
    plugin.after_training_exp(None)
    expected = decay**4 * points[0] + sum(
        (1 - decay) * decay ** (3 - step) * points[step + 1] for step in range(4)
    )
    assert torch.allclose(prompt.context, expected, atol=1e-5)


def test_the_weight_constraint_is_the_squared_distance_from_the_weights_before_the_experience(
    prompt,
):
    plugin, start = WeightL2(WeightL2Config(weight=3.0), PluginContext(prompt)), snapshot(prompt)
    plugin.before_training_exp(None)
    strategy = SimpleNamespace(loss=torch.tensor(1.0))
    plugin.before_backward(strategy)
    assert strategy.loss.item() == 1.0
    learned = move(prompt, 1)
    plugin.before_backward(strategy)
    assert strategy.loss.item() == pytest.approx(
        1 + 3 * (learned["context"] - start["context"]).square().sum().item(), rel=1e-5
    )
    strategy.loss.backward()
    assert torch.allclose(
        prompt.context.grad, 6 * (learned["context"] - start["context"]), rtol=1e-4
    )


def test_a_task_vector_with_scaling_one_is_fine_tuning_and_with_zero_the_start(prompt):
    start = snapshot(prompt)
    learned = experience(
        TaskVectors(TaskVectorsConfig(scaling=1.0), PluginContext(prompt)), prompt, 1
    )
    assert close(snapshot(prompt), learned)
    prompt.context.data.copy_(start["context"])
    experience(TaskVectors(TaskVectorsConfig(scaling=0.0), PluginContext(prompt)), prompt, 1)
    assert close(snapshot(prompt), start)


def test_task_vectors_are_learned_from_the_start_and_add_up_in_any_order(prompt):
    start, ends = snapshot(prompt), []
    for order in ((1, 2), (2, 1)):
        prompt.context.data.copy_(start["context"])
        plugin = TaskVectors(TaskVectorsConfig(scaling=0.4), PluginContext(prompt))
        learned = [experience(plugin, prompt, seed)["context"] for seed in order]
        expected = start["context"] + 0.4 * sum(each - start["context"] for each in learned)
        assert torch.allclose(prompt.context, expected, atol=1e-6)
        ends.append(prompt.context.detach().clone())
    assert torch.allclose(*ends, atol=1e-6)


@pytest.mark.parametrize("merge", ["sum", "mean", "max"])
@pytest.mark.parametrize("start", ["base", "previous"])
def test_one_experience_with_scaling_one_is_fine_tuning_however_vectors_are_merged(
    prompt, merge, start
):
    config = TaskVectorsConfig(scaling=1.0, merge=merge, start=start)
    learned = experience(TaskVectors(config, PluginContext(prompt)), prompt, 1)
    assert close(snapshot(prompt), learned)


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2,)])
def test_magmax_is_the_maximum_over_all_task_vectors_whatever_their_number_and_order(prompt, order):
    begun = prompt.context.detach().clone()
    config = TaskVectorsConfig(scaling=0.5, merge="max")
    plugin = TaskVectors(config, PluginContext(prompt))
    ends = [experience(plugin, prompt, seed)["context"] for seed in order]
    moves = torch.stack(ends) - begun
    largest = moves.gather(0, moves.abs().argmax(dim=0, keepdim=True))[0]
    assert torch.allclose(prompt.context, begun + 0.5 * largest, atol=1e-6)
    # The start and the largest move are all that is kept.
    assert plugin.kept_bytes() == 2 * begun.nbytes


def test_sequential_task_vectors_go_on_from_weights_that_were_never_merged(prompt):
    config = TaskVectorsConfig(scaling=0.25, merge="mean", start="previous")
    plugin = TaskVectors(config, PluginContext(prompt))
    start = snapshot(prompt)["context"]
    first = experience(plugin, prompt, 1)["context"]
    assert not torch.allclose(prompt.context, first)
    plugin.before_training_exp(None)
    assert torch.equal(prompt.context, first)
    second = move(prompt, 2)["context"]
    plugin.after_training_exp(None)
    expected = start + 0.25 * ((first - start) + (second - start)) / 2
    assert torch.allclose(prompt.context, expected, atol=1e-6)


def test_a_row_that_came_late_has_its_own_move_as_the_largest(backbone):
    linear = build_adapter(LinearConfig(), backbone, TABLE, seed=0)
    config = TaskVectorsConfig(scaling=1.0, merge="max", start="previous")
    plugin = TaskVectors(config, PluginContext(linear))
    for classes in ((0, 1), (2, 3)):
        linear.begin(classes)
        learned = experience(plugin, linear, classes[0])
    assert torch.allclose(linear.weight[2:], learned["weight"][2:], atol=1e-6)


MERGED = [
    TaskVectorsConfig(merge="mean", start="previous"),
    TaskVectorsConfig(merge="max", start="previous"),
    TaskVectorsConfig(merge="ties"),
]


def test_what_they_keep_goes_through_their_state(prompt):
    for plugin in (
        WiseFt(WiseFtConfig(), PluginContext(prompt)),
        TaskVectors(TaskVectorsConfig(), PluginContext(prompt)),
        *(TaskVectors(config, PluginContext(prompt)) for config in MERGED),
    ):
        experience(plugin, prompt, 1)
        state = deepcopy(plugin.state())
        before = snapshot(prompt)
        experience(plugin, prompt, 2)
        expected = snapshot(prompt)
        prompt.context.data.copy_(before["context"])
        plugin.load(state)
        experience(plugin, prompt, 2)
        assert close(snapshot(prompt), expected)
        tensors = [value for value in plugin.state().values() if isinstance(value, torch.Tensor)]
        assert plugin.kept_bytes() == sum(value.nbytes for value in tensors)


def test_without_points_there_is_no_ensemble(prompt):
    plugin = WeightAverage(WeightAverageConfig(every=0), PluginContext(prompt))
    plugin.before_training_exp(None)
    learned = move(prompt, 1)
    plugin.after_training_iteration(None)
    plugin.after_training_exp(None)
    assert close(snapshot(prompt), learned)


@pytest.mark.parametrize("kind", ["wise_ft", "weight_average", "task_vectors", "ewc", "mas", "si"])
def test_weights_that_are_merged_and_begin_anew_cannot_be_compared_with_what_they_were(kind):
    """The mean over an experience's path would be added to the update that was merged; the others
    would see none at all.
    """
    content = {"version": 1, "adapter": {"kind": "lora_merged"}, "plugins": [{"kind": kind}]}
    with pytest.raises(Mistake, match=f"got '{kind}' beside the adapter 'lora_merged'"):
        parse(StrategyConfig, content, file="s.toml")
    parse(StrategyConfig, {**content, "adapter": {"kind": "lora"}}, file="s.toml")

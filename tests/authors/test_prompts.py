"""Learned contexts: CoOp, CoCoOp, KgCoOp and MaPLe, beside the code that their authors released."""

from collections.abc import Callable

import pytest
import torch
from authors.released import Released, assert_equal, candidates, cases, read, set_to
from torch import Tensor
from torch.nn.functional import cross_entropy

from clvl_bench.methods._base.adapter import Adapter
from clvl_bench.methods.cocoop.config import CoCoOpConfig
from clvl_bench.methods.kgcoop.config import KgCoOpConfig
from clvl_bench.methods.maple.config import MapleConfig
from clvl_bench.methods.prompt.config import PromptConfig
from clvl_bench.methods.registry import build_adapter

Parameters = dict[str, torch.nn.Parameter]


def key(case: dict[str, object]) -> str:
    return str(case["key"])


def follow(parameters: Parameters, loss: Callable[[], Tensor], settings: dict[str, object]) -> None:
    """SGD as the released codes of the family run it: the published momentum and weight decay, a
    constant rate.
    """
    rate = float(str(settings["lr"]))
    optimizer = torch.optim.SGD(list(parameters.values()), lr=rate, momentum=0.9, weight_decay=5e-4)
    for _ in range(int(str(settings["steps"]))):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()


def compare(
    adapter: Adapter,
    parameters: Parameters,
    inputs: Tensor,
    labels: Tensor,
    case: Released,
    tolerance: float,
) -> None:
    """Logits, loss, gradients, and all of it behind some steps."""
    places = tuple(range(len(adapter.classes)))
    labels = labels % len(places)

    def loss() -> Tensor:
        value = cross_entropy(adapter.logits(inputs, places), labels)
        penalty = adapter.penalty(inputs)
        return value if penalty is None else value + penalty

    adapter.train()
    adapter.begin(places)
    set_to(parameters, case)
    assert_equal(adapter.logits(inputs, places), case["logits"], tolerance, "logits")
    first = loss()
    assert_equal(first, case["loss"], tolerance, "loss")
    first.backward()
    for name, parameter in parameters.items():
        assert parameter.grad is not None
        assert_equal(
            parameter.grad,
            case[f"{name}.grad"].reshape(parameter.shape),
            tolerance,
            f"gradient of {name}",
        )
    follow(parameters, loss, case.settings)
    for name, parameter in parameters.items():
        if f"{name}.after" in case.arrays:
            assert_equal(
                parameter,
                case[f"{name}.after"].reshape(parameter.shape),
                tolerance,
                f"{name} behind the steps",
            )
    assert_equal(
        adapter.logits(inputs, places), case["logits_after"], tolerance, "logits behind the steps"
    )
    assert_equal(loss(), case["loss_after"], tolerance, "loss behind the steps")


def context_settings(case: dict[str, object]) -> dict[str, object]:
    """How a context starts, as a strategy file says it."""
    if case["init"]:
        return {}
    return {"context_init": "random", "context_length": case["context_length"]}


@pytest.mark.parametrize("settings", cases("coop"), ids=key)
def test_coop_learns_as_released_wherever_the_name_stands_and_whatever_it_is(small_clip, settings):
    released = read("coop")
    case = released.below(settings["key"])
    config = PromptConfig(
        **context_settings(settings),
        position=settings["position"],
        class_specific=settings["class_specific"],
    )
    adapter = build_adapter(config, small_clip, candidates(settings["names"]), seed=0)
    if settings["init"]:
        assert_equal(
            adapter.context, case["context.start"], 0.0, "the context that a template starts as"
        )
    features = small_clip.image_features(released["pixels"])
    compare(
        adapter, {"context": adapter.context}, features, released.integers("labels"), case, 1e-4
    )


@pytest.mark.parametrize("chunk", [8, 512])
@pytest.mark.parametrize("settings", cases("cocoop"), ids=key)
def test_cocoop_learns_as_released_however_many_sentences_are_encoded_at_a_time(
    small_clip, settings, chunk
):
    released = read("cocoop")
    case = released.below(settings["key"])
    config = CoCoOpConfig(**context_settings(settings), chunk=chunk)
    adapter = build_adapter(config, small_clip, candidates(settings["names"]), seed=0)
    first, _, last = adapter.shift
    parameters = {
        "context": adapter.context,
        "meta_net.linear1.weight": first.weight,
        "meta_net.linear1.bias": first.bias,
        "meta_net.linear2.weight": last.weight,
        "meta_net.linear2.bias": last.bias,
    }
    features = small_clip.image_features(released["pixels"])
    compare(adapter, parameters, features, released.integers("labels"), case, 2e-5)


@pytest.mark.parametrize("settings", cases("kgcoop"), ids=key)
def test_kgcoop_is_held_near_the_template_as_released(small_clip, settings):
    released = read("kgcoop")
    case = released.below(settings["key"])
    config = KgCoOpConfig(anchor_weight=released.settings["weight"])
    adapter = build_adapter(config, small_clip, candidates(settings["names"]), seed=0).train()
    features = small_clip.image_features(released["pixels"])
    places = tuple(range(len(settings["names"])))
    adapter.begin(places)
    set_to({"context": adapter.context}, case)
    adapter.logits(features, places)
    assert_equal(
        adapter.penalty(features), released.settings["weight"] * case["score"], 1e-5, "score"
    )
    compare(
        adapter, {"context": adapter.context}, features, released.integers("labels"), case, 1e-5
    )


@pytest.mark.parametrize("settings", cases("maple"), ids=key)
def test_maple_learns_as_released_from_couplings_of_any_values(small_clip, settings):
    released = read("maple")
    case = released.below(settings["key"])
    config = MapleConfig(depth=settings["depth"], context_length=settings["context_length"])
    adapter = build_adapter(config, small_clip, candidates(settings["names"]), seed=0)
    parameters = {"context": adapter.context}
    for number, coupling in enumerate(adapter.couplings):
        parameters |= {
            f"coupling{number}.weight": coupling.weight,
            f"coupling{number}.bias": coupling.bias,
        }
    if len(adapter.deep):
        parameters["deep"] = adapter.deep
    labels = released.integers("labels")
    compare(
        adapter,
        parameters,
        released["pixels"],
        labels,
        with_stacked_prompts(case, len(adapter.deep)),
        5e-5,
    )


def with_stacked_prompts(case: Released, count: int) -> Released:
    """MaPLe's deep prompts as one array, as ours are: there each layer has a parameter of its
    own.
    """
    arrays = dict(case.arrays)
    if count:
        for moment in ("start", "grad", "after"):
            arrays[f"deep.{moment}"] = torch.stack(
                [case[f"deep{number}.{moment}"] for number in range(1, count + 1)]
            )
    return Released(arrays, case.settings)


def test_the_couplings_of_maple_behind_the_first_start_as_copies_of_one_as_released(small_clip):
    """The released start shows it; copies are layers of their own, and learn apart."""
    case = read("maple").below("depth9_length2")
    names = read("maple").settings["cases"][0]["names"]
    first, *deep = build_adapter(
        MapleConfig(depth=9), small_clip, candidates(names), seed=0
    ).couplings
    assert len(deep) == 5
    for number, coupling in enumerate(deep, start=1):
        assert torch.equal(case[f"coupling{number}.weight.start"], case["coupling1.weight.start"])
        assert torch.equal(coupling.weight, deep[0].weight)
        assert torch.equal(coupling.bias, deep[0].bias)
    assert len({id(coupling.weight) for coupling in deep}) == len(deep)
    assert not torch.equal(case["coupling0.weight.start"], case["coupling1.weight.start"])
    assert not torch.equal(first.weight, deep[0].weight)

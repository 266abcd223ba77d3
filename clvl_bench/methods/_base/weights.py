"""Weights: what the plugins share that act on whatever an adapter trains, by the names of its
parameters.

A head may grow from experience to experience. It appends rows, so what was kept of it is completed
by the new rows.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from clvl_bench.methods._base.adapter import Adapter, State

Weights = dict[str, Tensor]
"""Detached copies by the parameter's name."""


def trained(adapter: Adapter) -> dict[str, nn.Parameter]:
    """The parameters that training may move."""
    return {name: weight for name, weight in adapter.named_parameters() if weight.requires_grad}


def snapshot(adapter: Adapter) -> Weights:
    """Copies of what trains, as it is now."""
    return {name: weight.detach().clone() for name, weight in trained(adapter).items()}


def put(adapter: Adapter, weights: Mapping[str, Tensor]) -> None:
    """Give what trains these values."""
    with torch.no_grad():
        for name, weight in trained(adapter).items():
            weight.copy_(weights[name])
    adapter.forget_classifiers()


def grown(kept: Mapping[str, Tensor], now: Mapping[str, Tensor]) -> Weights:
    """What was kept, and from `now` the parameters and rows that came since."""
    complete = {}
    for name, value in now.items():
        if name not in kept:
            complete[name] = value
            continue
        old = kept[name].to(value.device)
        has_new_rows = value.ndim > 0 and len(value) > len(old)
        complete[name] = torch.cat([old, value[len(old) :]]) if has_new_rows else old
    return complete


def prefixed(prefix: str, weights: Mapping[str, Tensor]) -> State:
    """Weights as a part of a state: each under its name behind a prefix."""
    return {f"{prefix}{name}": value for name, value in weights.items()}


def without_prefix(prefix: str, state: State) -> State:
    """The part of a state whose names begin with a prefix, by what follows it."""
    return {
        name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
    }


def squared_distance(
    adapter: Adapter, centre: Mapping[str, Tensor], importance: Mapping[str, Tensor] | None = None
) -> Tensor:
    """Sum over all trained parameters of importance (1 if None) times the squared distance from the
    centre.
    """
    parts = []
    for name, weight in trained(adapter).items():
        squared = (weight - centre[name]).square()
        if importance is not None:
            squared = importance[name] * squared
        parts.append(squared.sum())
    return torch.stack(parts).sum()


@contextmanager
def without_dropout(adapter: Adapter) -> Iterator[None]:
    """As in training, one template a class, but without chance."""
    was = adapter.training
    adapter.train()
    for module in adapter.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    try:
        yield
    finally:
        adapter.train(was)

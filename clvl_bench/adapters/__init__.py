"""Adapters: what learns, one file each. The module named after a config's `kind` builds it."""

from collections.abc import Sequence
from importlib import import_module

from clvl_bench.adapters.base import NO_CLASS, Adapter, Classes, State, best, tensor_bytes
from clvl_bench.backbones import Backbone
from clvl_bench.config import Adapter as AdapterConfig
from clvl_bench.datasets import Candidate
from clvl_bench.randomness import keyed


def build_adapter(config: AdapterConfig, backbone: Backbone, table: Sequence[Candidate], *, seed: int) -> Adapter:
    """The adapter that a strategy file describes, its random start decided by the seed alone.

    Raises:
        Mistake: it needs something that the backbone does not have.
    """
    with keyed(seed, "adapter"):
        adapter: Adapter = import_module(f"clvl_bench.adapters.{config.kind}").build(config, backbone, table)
        return adapter


__all__ = ["NO_CLASS", "Adapter", "Classes", "State", "best", "build_adapter", "tensor_bytes"]

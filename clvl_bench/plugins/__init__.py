"""Plugins: what else happens while a strategy learns, one file each. The module named after a config's `kind` builds it."""

from importlib import import_module

from clvl_bench.config import Plugin as PluginConfig
from clvl_bench.plugins.adaptation import Adaptation
from clvl_bench.plugins.base import Plugin, Reference, Surroundings
from clvl_bench.plugins.distillation import Distillation
from clvl_bench.plugins.replay import Replay


def build_plugin(config: PluginConfig, surroundings: Surroundings) -> Plugin:
    """The plugin that a strategy file describes.

    Raises:
        Mistake: it needs something that the benchmark does not have.
    """
    plugin: Plugin = import_module(f"clvl_bench.plugins.{config.kind}").build(config, surroundings)
    return plugin


__all__ = ["Adaptation", "Distillation", "Plugin", "Reference", "Replay", "Surroundings", "build_plugin"]

"""Plugins: what else happens while a strategy learns, one file each. The module named after a config's `kind` builds it."""

from importlib import import_module

from clvl_bench.config import Plugin as PluginConfig
from clvl_bench.plugins.adaptation import Adaptation
from clvl_bench.plugins.base import Plugin
from clvl_bench.plugins.replay import Replay


def build_plugin(config: PluginConfig, *, seed: int) -> Plugin:
    """The plugin that a strategy file describes."""
    plugin: Plugin = import_module(f"clvl_bench.plugins.{config.kind}").build(config, seed=seed)
    return plugin


__all__ = ["Adaptation", "Plugin", "Replay", "build_plugin"]

"""Config: what a file may say. Validation happens here and before anything heavy is loaded."""

from clvl_bench.config.adapters import Adapter
from clvl_bench.config.benchmark import BenchmarkConfig, LabelSpace
from clvl_bench.config.experiment import ExperimentConfig
from clvl_bench.config.online import Online
from clvl_bench.config.plugins import Plugin
from clvl_bench.config.reads import Reads
from clvl_bench.config.run import RunConfig
from clvl_bench.config.supervision import Supervision
from clvl_bench.config.training import StrategyConfig, TrainConfig

__all__ = [
    "Adapter", "BenchmarkConfig", "ExperimentConfig", "LabelSpace", "Online", "Plugin", "Reads", "RunConfig", "StrategyConfig",
    "Supervision", "TrainConfig",
]  # fmt: skip

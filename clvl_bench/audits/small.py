"""What an audit runs: a strategy as its file says, on a small stream, for one epoch."""

from clvl_bench.core.schema import parse
from clvl_bench.inputs.kinds import QUESTION_INPUTS
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.files import load, run_config
from clvl_bench.training.config import StrategyConfig

LIMIT = 30
"""Samples a split."""
BATCH_SIZE = 6
ITERATIONS = 3
CUT = (
    'benchmark.zeroshot=["toy_shapes"]',
    "benchmark.valid_fraction=0.34",
    "benchmark.label_space=seen",
)
THREE = "benchmark.classes_per_experience=[4, 3, 3]"
HALF = ("benchmark.supervision.kind=fraction", "benchmark.supervision.label_fraction=0.5")
LATE = (
    'benchmark.reference="toy_reference"',
    "benchmark.online.step_size=4",
    "benchmark.supervision.kind=delay",
    "benchmark.supervision.delay=2",
    "benchmark.supervision.label_fraction=0.8",
)
SMALL = {
    "images": ("toy_landcover_seen", *CUT, THREE, *HALF),
    "questions": ("toy_scans_vqa", *CUT, *HALF),
    "images in steps": ("toy_online_few", *CUT, THREE, *LATE),
    "questions in steps": ("toy_scans_vqa_delay", *CUT, *LATE),
}
"""Benchmarks to audit on, with what is laid over them: a part of the labels is hidden, so that
whoever looks at them is found."""


def small_config(
    strategy: str | StrategyConfig, benchmark: str | None = None, *, backbone: str = "tiny"
) -> RunConfig:
    """The run that an audit listens to.

    Args:
        strategy: name or path of a strategy's file, or its settings.
        benchmark: name or path of a benchmark's file, of which the first samples are taken; a toy
            one with late or few labels if left out.

    Raises:
        Mistake: a file says something that is not allowed, or the two do not go together.
    """
    learner = load("strategy", strategy) if isinstance(strategy, str) else strategy
    assert isinstance(learner, StrategyConfig)
    overrides: tuple[str, ...] = ()
    if benchmark is None:
        benchmark, *laid = SMALL[_what_it_learns(learner)]
        overrides = tuple(laid)
    config = run_config(benchmark, "zeroshot", backbone=backbone, limit=LIMIT, overrides=overrides)
    content = {
        **dict(config),
        "benchmark": benchmark.removesuffix(".toml").rpartition("/")[2],
        "strategy": "audited",
        "strategy_config": _shortened(learner),
    }
    return parse(RunConfig, content, file="audit")


def _what_it_learns(strategy: StrategyConfig) -> str:
    what = "questions" if strategy.input_kind in QUESTION_INPUTS else "images"
    in_steps = any(plugin.needs_online for plugin in strategy.plugins)
    return f"{what} in steps" if in_steps else what


def _shortened(strategy: StrategyConfig) -> StrategyConfig:
    """One epoch of a few minibatches; no promise depends on how long it learns."""
    train = strategy.train
    iterations = None if train.iterations is None else min(ITERATIONS, train.iterations)
    short = {"epochs": 1, "batch_size": BATCH_SIZE, "iterations": iterations}
    return strategy.model_copy(update={"train": train.model_copy(update=short)})

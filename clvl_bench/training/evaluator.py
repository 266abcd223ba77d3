"""Evaluator: Avalanche's `EvaluationPlugin`, which asks only who has something to say.

Avalanche calls every metric and every logger at each of its two dozen callbacks, and copies the
experience for each of these calls. Most say nothing at most callbacks: where experiences are small
and many, that is more than the scoring itself.
"""

from functools import partial
from typing import Any

from avalanche.evaluation import PluginMetric
from avalanche.training.plugins import EvaluationPlugin

CALLBACKS = tuple(name for name in dir(PluginMetric) if name.startswith(("before_", "after_")))
"""All that Avalanche's loops call."""


class Evaluator(EvaluationPlugin):
    """As Avalanche's, for metrics and loggers whose classes define the callbacks that they hear.

    Args:
        metrics, settings: as Avalanche's takes them; no metric and no logger is added later.
    """

    def __init__(self, *metrics: Any, **settings: Any) -> None:
        super().__init__(*metrics, **settings)
        for callback in CALLBACKS:
            heard = any(_hears(each, callback) for each in (*self.metrics, *self.loggers))
            # Avalanche's own class makes a function for a callback each time it is looked up.
            tell = partial(self._tell, callback) if heard else _nobody_hears
            setattr(self, callback, tell)

    def _tell(self, callback: str, strategy: Any, **kwargs: Any) -> None:
        self._update_metrics_and_loggers(strategy, callback)


def _nobody_hears(strategy: Any, **kwargs: Any) -> None:
    """What is told at a callback that no metric and no logger hears."""


def _hears(listener: object, callback: str) -> bool:
    """Whether its class does something at a callback: `PluginMetric` has them all, and says
    nothing.
    """
    own = getattr(type(listener), callback, None)
    return own is not None and own is not getattr(PluginMetric, callback)

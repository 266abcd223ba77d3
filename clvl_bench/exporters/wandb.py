"""Weights & Biases: offline, in results/wandb, unless WANDB_MODE says otherwise; `wandb sync` sends
an offline run. Machine, code and output of the program are never handed over.
"""

import os
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from clvl_bench.exporters.base import PROJECT, End, Exporter, Facts, Point, by_step

SECOND = 1.0
"""The folders of two parts of a run differ in the second in which they began: in one and the same,
the second part would be written over the first.
"""
FLUSH_SECONDS = 0.05
WRITTEN_SECONDS = 0.25
"""W&B's own process writes what it is given at such intervals, and dies with this one: what it has
not written by then is lost. Behind these seconds it has, if the machine is not overloaded.
"""
STEP = "step"
"""The curve that is the axis of all others: the steps of W&B itself only ever grow, and rows that
are measured together may be of different steps."""


class WandB(Exporter):
    """Beside a run of the caller's own, if there is one."""

    def begin(self, facts: Facts, run: str | None) -> str:
        mode: Any = os.environ.get("WANDB_MODE", "offline")
        if mode == "offline":
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        if run is not None:
            time.sleep(SECOND)
        name = run or uuid4().hex[:12]
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            dir=str(facts.results),
            id=name,
            name=facts.run,
            group=facts.group,
            config=dict(facts.settings),
            mode=mode,
            reinit="create_new",
            resume="allow",
            settings=wandb.Settings(
                silent=True,
                console="off",
                disable_git=True,
                save_code=False,
                x_disable_meta=True,
                x_disable_stats=True,
                x_disable_machine_info=True,
                x_save_requirements=False,
                x_transaction_log_flush_interval=FLUSH_SECONDS,
            ),
        )
        self._run.define_metric(STEP, hidden=True)
        self._run.define_metric("*", step_metric=STEP)
        return name

    def rows(self, points: Sequence[Point]) -> None:
        for step, values in by_step(points).items():
            self._run.log({STEP: step, **values})
        time.sleep(WRITTEN_SECONDS)

    def end(self, end: End) -> None:
        self._run.finish(exit_code=0 if end == "finished" else 1)

"""Audit: a small run is listened to, and every question asked of it."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from clvl_bench.audits.kept_sources import KeptSources
from clvl_bench.audits.listening import listen
from clvl_bench.audits.second_runs import SECOND_RUNS, leaned_on_labels_to_come
from clvl_bench.audits.verdict import IN_STEPS, WHOLE, Finding, findings
from clvl_bench.runs.config import RunConfig


def audit(config: RunConfig) -> Iterator[Finding]:
    """Run it up to five times in a folder that is then removed; findings come as they are made.

    Raises:
        Mistake, Missing, Damage: configuration, data or weights are not as they should be, or the
            benchmark has too few classes to put one in the place of another.
        RunFailed: the run cannot go on.
    """
    in_steps = config.benchmark_config.online is not None
    questions = (*IN_STEPS, leaned_on_labels_to_come) if in_steps else (*WHOLE, *SECOND_RUNS)
    with TemporaryDirectory() as folder:
        heard = listen(config, Path(folder), sources=KeptSources(), walk=1)
        yield from findings(heard, questions)

"""What `grid --encode` does: for the runs of a grid, everything is read and encoded once."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from clvl_bench.core.errors import printable
from clvl_bench.core.faults import as_line
from clvl_bench.core.ticker import signs_of_life
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.preparation import to_encode
from clvl_bench.runs.setup import encode


def encode_for(runs: Sequence[RunConfig], results: Path, *, device: str) -> int:
    """A line for each encoding that no run has needed yet; how many failed. One that fails stops
    none of the others: its runs will say the same.
    """
    waiting = to_encode(runs, results)
    failed = 0
    for number, config in enumerate(waiting, start=1):
        title = f"{number}/{len(waiting)}"
        what = f"{config.benchmark} with {config.backbone_name} for {config.strategy}"
        with signs_of_life(partial(str, f"{title} encoding {what}")):
            reason = _encoded(config, device)
        failed += bool(reason)
        said = f"failed {what}: {reason}" if reason else f"encoded {what}"
        print(printable(f"{title} {said}"), flush=True)
    return failed


def _encoded(config: RunConfig, device: str) -> str:
    """Why it could not be done; empty where it was."""
    try:
        encode(config, device=device)
    except Exception as error:
        failure = as_line(error)
        if failure is None:
            raise
        return str(failure)
    return ""

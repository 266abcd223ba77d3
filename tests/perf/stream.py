"""What a long stream costs: resident memory and time a step, of 100,000 steps on features that are
there already.

python tests/perf/stream.py [STRATEGY] [STEPS]; prints a line every tenth of the way. Memory should
grow by less than 5 percent from the first tenth to the end, and a step cost the same.
"""

import sys
import tempfile
import time
import warnings
from itertools import pairwise
from pathlib import Path

from mixture import write_mixture

BENCHMARK = """version = 1
scenario = "class_incremental"
datasets = ["mixture"]
classes_per_experience = [20]
label_space = "dataset"
valid_fraction = 0.0
[online]
step_size = 1
checkpoint_steps = 1000000
[supervision]
kind = "delay"
delay = 50
never = 0.1
"""
CLASSES = 20


def resident_mib() -> float:
    line = next(
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmRSS")
    )
    return float(line.split()[1]) / 1024


def main(strategy: str = "naive", steps: int = 100_000) -> None:
    warnings.filterwarnings("ignore")
    from clvl_bench.runs.files import run_config
    from clvl_bench.runs.runner import run
    from clvl_bench.training.online_runner import OnlineRunner

    counts = {"train": steps, "test": 1000}
    marks, walked = [], OnlineRunner._step

    def watched(walk, step):  # type: ignore[no-untyped-def]
        if step.number % (steps // 10) == 0:
            marks.append((step.number, resident_mib(), time.process_time()))
        walked(walk, step)

    OnlineRunner._step = watched  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        run(
            run_config(str(write_mixture(Path(folder), BENCHMARK, CLASSES, counts)), strategy),
            results=Path(folder),
            progress=False,
        )
        marks.append((steps, resident_mib(), time.process_time()))
    for before, after in pairwise(marks):
        cost = 1000 * (after[2] - before[2]) / (after[0] - before[0])
        print(
            f"step {after[0]:>7}: {after[1]:7.1f} MiB, {cost:.2f} ms of processor time a step",
            flush=True,
        )
    print(
        f"memory from step {marks[1][0]} to the end: {100 * (marks[-1][1] / marks[1][1] - 1):+.1f} "
        f"percent"
    )


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:3]))

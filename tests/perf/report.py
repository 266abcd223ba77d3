"""What a large report costs: `python tests/perf/report.py`, with 107 strategies, 5 runs each and
10,000 test samples.

Runs are made up: ten experiences, accuracies and answers that follow from each other. The whole
report is written but the pictures; pass --plots for those too. The last line says whether the
bounds hold: under 2 GB of memory and 60 s of processor time.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from clvl_bench.records.rows import Record
from clvl_bench.report.report_data import ReportData
from clvl_bench.report.runs import Origin, Run
from clvl_bench.report.writing import write_report

EXPERIENCES = 10
MEMORY_MIB = 2000
SECONDS = 60


def made_up(strategies: int, runs: int, samples: int) -> list[Run]:
    """Strategies a little better than the one before, on test samples that are hard for all of
    them.
    """
    generator = np.random.default_rng(0)
    hardness = generator.normal(0, 1, samples)
    found = []
    for number in range(strategies):
        for order in range(runs):
            effect = 0.01 * number + generator.normal(0, 0.1)
            right = hardness + generator.normal(0, 1, samples) < effect
            found.append(_run(f"strategy_{number:03d}", order, right))
    return found


def _run(strategy: str, order: int, right: np.ndarray) -> Run:
    told = {"benchmark": "b", "label_space": "dataset", "backbone": "tiny", "strategy": strategy}
    where = {**told, "seed": order, "class_order": order}
    records = []
    parts = np.array_split(right, EXPERIENCES)
    for trained in range(EXPERIENCES + 1):
        for experience, part in enumerate(parts):
            value = float(part.mean()) * (0.5 + 0.05 * trained)
            cell = {"trained": trained, "stream": "test", "experience": experience, "dataset": "d"}
            records.append(Record(**where, **cell, metric="accuracy", value=value, n=len(part)))
    return Run(Origin(f"{strategy}-{order}", **where, state="done"), tuple(records), right)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--strategies", type=int, default=107)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--plots", action="store_true")
    asked = parser.parse_args()
    runs = made_up(asked.strategies, asked.runs, asked.samples)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        write_report(ReportData(runs), Path(folder), plots=asked.plots)
        table = Path(folder) / "differences.csv"  # is not made of very many strategies
        pairs = len(table.read_text().splitlines()) - 1 if table.is_file() else 0
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{pairs} pairs: {seconds:.1f} s of processor time; memory {before:.0f} MiB before, "
        f"{peak:.0f} MiB at most"
    )
    holds = peak < MEMORY_MIB and seconds < SECONDS
    print(f"under {MEMORY_MIB} MiB and {SECONDS} s: {'yes' if holds else 'NO'}")


if __name__ == "__main__":
    main()

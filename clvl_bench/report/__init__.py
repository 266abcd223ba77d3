"""Report: records made readable. Reads rows and run folders, knows nothing of how they came about."""

from collections.abc import Sequence
from pathlib import Path

from clvl_bench.records import write_atomically
from clvl_bench.report.compare import Difference, compare
from clvl_bench.report.paired import differences_frame, paired
from clvl_bench.report.runs import Run, load, of_result, write_committed
from clvl_bench.report.supervision import over_repetitions, supervision_frame
from clvl_bench.report.tables import markdown, summary, terminal_table


def write_report(runs: Sequence[Run], out: Path, *, plots: bool = True) -> None:
    """summary.csv, summary.md, the plots (in a folder for each table where there are several), differences.csv where
    strategies can be compared, and supervision.csv where a benchmark was run under several kinds of supervision.

    Raises:
        Mistake: the runs cannot stand in one table.
    """
    frame = summary(runs)
    write_atomically(out / "summary.csv", frame.to_csv(index=False, lineterminator="\n").encode())
    compared = paired(runs)
    if compared:
        pairs = differences_frame(compared).to_csv(index=False, lineterminator="\n")
        write_atomically(out / "differences.csv", pairs.encode())
    write_atomically(out / "summary.md", markdown(frame, compared).encode())
    variants = supervision_frame(runs)
    if len(variants):
        write_atomically(out / "supervision.csv", over_repetitions(variants).to_csv(index=False, lineterminator="\n").encode())
    if plots:
        from clvl_bench.report.plots import draw, draw_supervision, groups

        for name, picture in draw_supervision(variants).items() if len(variants) else ():
            write_atomically(out / name, picture)
        tables = groups(runs)
        for group in tables:
            folder = out if len(tables) == 1 else out / "-".join(group.table[:2])
            for name, picture in draw(group).items():
                write_atomically(folder / name, picture)


__all__ = [
    "Difference", "Run", "compare", "load", "markdown", "of_result", "summary", "terminal_table",
    "write_committed", "write_report",
]  # fmt: skip

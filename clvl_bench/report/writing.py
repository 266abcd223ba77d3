"""Report: records made readable. Reads rows and run folders, knows nothing of how they came
about.
"""

from collections.abc import Sequence
from pathlib import Path

from clvl_bench.core.files import write_atomically
from clvl_bench.report import answer_tables, gallery
from clvl_bench.report.ceilings import shown
from clvl_bench.report.paired import differences_frame, paired
from clvl_bench.report.pseudo_labels import pseudo_frame
from clvl_bench.report.published import beside, beside_markdown, read_published
from clvl_bench.report.runs import Run
from clvl_bench.report.summary import mixture, summary
from clvl_bench.report.supervision import over_repetitions, regret_over_time, supervision_frame
from clvl_bench.report.tables import escaped, markdown

PICTURES = "plots"
"""The folder of the pictures. They are not committed: a report draws them again."""


def write_report(
    runs: Sequence[Run], out: Path, *, plots: bool = True, published: Path | None = None
) -> None:
    """summary.csv, summary.md, the plots (in `plots`, with a folder for each table where there
    are several),
    differences.csv where strategies can be compared, supervision.csv where a benchmark was run
    under several kinds of supervision, pseudo_labels.csv where unlabelled samples were learned
    from, and a gallery where questions were answered; with a file of published numbers beside.csv
    and beside.md, where ours stand next to them.

    Raises:
        Mistake: the runs cannot stand in one table.
    """
    frame = summary(runs)
    write_atomically(out / "summary.csv", frame.to_csv(index=False, lineterminator="\n").encode())
    if published is not None:
        table = beside(frame, read_published(published))
        write_atomically(
            out / "beside.csv", table.to_csv(index=False, lineterminator="\n").encode()
        )
        write_atomically(out / "beside.md", beside_markdown(table).encode())
    compared = paired(shown(runs))
    if compared:
        pairs = differences_frame(compared).to_csv(index=False, lineterminator="\n")
        write_atomically(out / "differences.csv", pairs.encode())
    note, told = mixture(runs), answer_tables.markdown(runs)
    head, tail = f"{escaped(note)}\n\n" if note else "", f"\n{told}" if told else ""
    write_atomically(out / "summary.md", (head + markdown(frame, compared) + tail).encode())
    for name, page in gallery.pages(runs).items():
        write_atomically(out / name, page)
    variants = supervision_frame(runs)
    if len(variants):
        write_atomically(
            out / "supervision.csv",
            over_repetitions(variants).to_csv(index=False, lineterminator="\n").encode(),
        )
    pseudo = pseudo_frame(runs)
    if len(pseudo):
        write_atomically(
            out / "pseudo_labels.csv", pseudo.to_csv(index=False, lineterminator="\n").encode()
        )
    if plots:
        from clvl_bench.report import stream_plots
        from clvl_bench.report.figures import groups, names
        from clvl_bench.report.plots import draw

        pictures = out / PICTURES
        of_variants = (
            stream_plots.supervision(variants) | stream_plots.regret(regret_over_time(runs))
            if len(variants)
            else {}
        )
        for name, picture in (
            of_variants | (stream_plots.pseudo_labels(pseudo) if len(pseudo) else {})
        ).items():
            write_atomically(pictures / name, picture)
        tables = groups(shown(runs))
        folders = names((group.table for group in tables), 2)
        for group in tables:
            folder = pictures if len(tables) == 1 else pictures / folders[group.table]
            for name, picture in draw(
                group, matrices=not len(variants)
            ).items():  # a matrix a variant is too many
                write_atomically(folder / name, picture)

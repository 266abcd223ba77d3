"""Writing a report: a table of artefacts, each made of what was computed once of the runs.

Reads rows and run folders, knows nothing of how they came about.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from clvl_bench.core.files import write_atomically
from clvl_bench.report import answer_tables, gallery
from clvl_bench.report.ceilings import shown
from clvl_bench.report.paired import Compared, differences_frame, paired
from clvl_bench.report.pseudo_labels import pseudo_frame
from clvl_bench.report.published import beside, beside_markdown, read_published
from clvl_bench.report.runs import Run, Table
from clvl_bench.report.summary import mixture, summary
from clvl_bench.report.supervision import over_repetitions, regret_over_time, supervision_frame
from clvl_bench.report.tables import escaped, markdown


@dataclass(frozen=True)
class ReportData:
    """The runs of a report, and what several artefacts need of them, computed when first asked
    for.
    """

    runs: Sequence[Run]
    published: Path | None = None

    @cached_property
    def summary(self) -> pd.DataFrame:
        return summary(self.runs)

    @cached_property
    def shown_runs(self) -> list[Run]:
        """All but those that only measure others."""
        return shown(self.runs)

    @cached_property
    def compared(self) -> dict[Table, Compared]:
        return paired(self.shown_runs)

    @cached_property
    def beside(self) -> pd.DataFrame | None:
        """Ours beside published numbers; None without a file of those."""
        if self.published is None:
            return None
        return beside(self.summary, read_published(self.published))

    @cached_property
    def supervision(self) -> pd.DataFrame:
        return supervision_frame(self.runs)

    @cached_property
    def pseudo_labels(self) -> pd.DataFrame:
        return pseudo_frame(self.runs)


def _csv(frame: pd.DataFrame) -> bytes:
    """A table in which no name can become a formula when a spreadsheet opens it."""
    return frame.map(_no_formula).to_csv(index=False, lineterminator="\n").encode()


FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that spreadsheets compute or send."""


def _no_formula(cell: object) -> object:
    """Text that would be a formula behind an apostrophe, which spreadsheets take as "this is
    text".
    """
    if isinstance(cell, str) and cell.startswith(FORMULA):
        return f"'{cell}"
    return cell


def summary_csv(data: ReportData) -> bytes:
    """One row a strategy."""
    return _csv(data.summary)


def beside_csv(data: ReportData) -> bytes | None:
    """Published numbers and ours, where a file of published ones was given."""
    return None if data.beside is None else _csv(data.beside)


def beside_md(data: ReportData) -> bytes | None:
    return None if data.beside is None else beside_markdown(data.beside).encode()


def differences_csv(data: ReportData) -> bytes | None:
    """Every pair of strategies, where they can be compared."""
    return _csv(differences_frame(data.compared)) if data.compared else None


def summary_md(data: ReportData) -> bytes:
    """Which weights are behind the numbers, the tables, and those of answers."""
    note = mixture(data.runs)
    answers = answer_tables.markdown(data.runs)
    text = markdown(data.summary, data.compared)
    if note:
        text = f"{escaped(note)}\n\n{text}"
    if answers:
        text = f"{text}\n{answers}"
    return text.encode()


def supervision_csv(data: ReportData) -> bytes | None:
    """Where a benchmark was run under several kinds of supervision: what each of them costs."""
    if data.supervision.empty:
        return None
    return _csv(over_repetitions(data.supervision))


def pseudo_labels_csv(data: ReportData) -> bytes | None:
    """Where unlabelled samples were learned from: how right their pseudo-labels were."""
    return None if data.pseudo_labels.empty else _csv(data.pseudo_labels)


ARTEFACTS: dict[str, Callable[[ReportData], bytes | None]] = {
    "summary.csv": summary_csv,
    "beside.csv": beside_csv,
    "beside.md": beside_md,
    "differences.csv": differences_csv,
    "summary.md": summary_md,
    "supervision.csv": supervision_csv,
    "pseudo_labels.csv": pseudo_labels_csv,
}
"""The files of a report, and what makes each of them, or nothing where the runs have nothing of
it. A new one is a function above and a line here."""

PLOTS = "plots"
"""The folder of the pictures. They are not committed: a report draws them again."""

NamedFiles = Iterable[tuple[str, bytes]]
"""Paths inside the report's folder, and what stands there."""


def gallery_pages(data: ReportData) -> NamedFiles:
    """Questions with their pictures and answers."""
    return gallery.pages(data.runs).items()


def supervision_pictures(data: ReportData) -> Iterator[tuple[str, bytes]]:
    from clvl_bench.report.supervision_plots import regret_pictures, sweep_pictures

    if not data.supervision.empty:
        yield from sweep_pictures(data.supervision)
        yield from regret_pictures(regret_over_time(data.runs))


def pseudo_label_pictures(data: ReportData) -> NamedFiles:
    from clvl_bench.report import supervision_plots

    if data.pseudo_labels.empty:
        return ()
    return supervision_plots.pseudo_label_pictures(data.pseudo_labels)


def table_pictures(data: ReportData) -> Iterator[tuple[str, bytes]]:
    """The plots of each table, in a folder for each where there are several."""
    from clvl_bench.report.figures import plotted_tables, table_names
    from clvl_bench.report.plots import draw

    tables = plotted_tables(data.shown_runs)
    folders = table_names((plotted.table for plotted in tables), 2)
    # With many kinds of supervision there would be too many matrices: one a kind and strategy.
    matrices = data.supervision.empty
    for plotted in tables:
        inside = "" if len(tables) == 1 else f"{folders[plotted.table]}/"
        for name, picture in draw(plotted, matrices=matrices):
            yield f"{inside}{name}", picture


PAGES: tuple[Callable[[ReportData], NamedFiles], ...] = (gallery_pages,)
PICTURES: tuple[Callable[[ReportData], NamedFiles], ...] = (
    supervision_pictures,
    pseudo_label_pictures,
    table_pictures,
)
"""What makes several files, whose names depend on the runs."""


def write_report(
    runs: Sequence[Run], out: Path, *, plots: bool = True, published: Path | None = None
) -> None:
    """Write every artefact that these runs have into a folder.

    Args:
        plots: draw the pictures, too.
        published: a file of published numbers that ours are laid beside.

    Raises:
        Mistake: the runs cannot stand in one table, or the file is no such table.
    """
    data = ReportData(runs, published)
    for name, make in ARTEFACTS.items():
        content = make(data)
        if content is not None:
            write_atomically(out / name, content)
    for make_files in PAGES:
        for name, content in make_files(data):
            write_atomically(out / name, content)
    for make_pictures in PICTURES if plots else ():
        for name, content in make_pictures(data):
            write_atomically(out / PLOTS / name, content)

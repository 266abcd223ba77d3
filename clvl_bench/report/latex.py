"""LaTeX: the summary as tables for a paper, with booktabs: `\\input{summary.tex}`.

The best of a column is bold, and what cannot be told apart from it underlined.
"""

from collections.abc import Mapping

import pandas as pd

from clvl_bench.metrics.continual import METRICS
from clvl_bench.report.best import Best
from clvl_bench.report.runs import Table
from clvl_bench.report.summary import Cell
from clvl_bench.report.tables import ALIKE, BEST, OF_THE_FUTURE, SHOWN, marks_of, percent, size

HEAD = """% Made by clvl-bench report. Needs \\usepackage{booktabs}. Accuracies in percent, mean and
% standard deviation of one run. Bold: the best; underlined: cannot be told apart from it. Training
% on more than the experience at hand (joint, cumulative) is never called the best.
"""

SIGNS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "–": "--",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def latex(frame: pd.DataFrame, best: Mapping[Table, Mapping[str, Best]]) -> str:
    """A tabular for each benchmark, label space and backbone."""
    tables = [HEAD]
    for where, part in frame.groupby(["benchmark", "label_space", "backbone"], sort=False):
        benchmark, label_space, backbone = map(str, where)
        of_table = best.get((benchmark, label_space, backbone), {})
        told = _one_line(f"{benchmark}, label space {label_space}, backbone {backbone}")
        tables.append(f"% {told}\n{_tabular(part, of_table)}")
    return "\n".join(tables)


def _tabular(part: pd.DataFrame, best: Mapping[str, Best]) -> str:
    names = [
        name for name in SHOWN if name not in OF_THE_FUTURE or part[f"{name}_mean"].notna().any()
    ]
    marks = marks_of(best)
    titles = ["Strategy", *(METRICS[name].title for name in names), "Kept", "Runs"]
    lines = [r"\begin{tabular}{l" + "r" * (len(titles) - 1) + "}", r"\toprule"]
    lines += [_row([escaped(title) for title in titles]), r"\midrule"]
    for _, row in part.iterrows():
        cells = [escaped(row["strategy"])]
        for name in names:
            cell = percent(Cell(row[f"{name}_mean"], row[f"{name}_std"], row["n"]))
            mark = marks.get((row["strategy"], METRICS[name].title))
            cells.append(_marked(escaped(cell), mark))
        lines.append(_row([*cells, escaped(size(row["kept_bytes_mean"])), str(row["n"])]))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _marked(cell: str, mark: str | None) -> str:
    if mark == BEST:
        return rf"\textbf{{{cell}}}"
    return rf"\underline{{{cell}}}" if mark == ALIKE else cell


def escaped(text: str) -> str:
    """Names come from users' files: nothing in them may act as a command."""
    return "".join(SIGNS.get(sign, sign) for sign in _one_line(text))


def _one_line(text: str) -> str:
    """A line that ends early would end a comment."""
    return " ".join(text.split())

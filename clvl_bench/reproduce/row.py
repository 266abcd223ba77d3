"""Row: what was compared, in a line of Markdown, with the hashes of all that it stands on."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from clvl_bench.core.files import read_text, sha256, write_atomically
from clvl_bench.report.origin import Origin
from clvl_bench.reproduce.comparison import Comparison
from clvl_bench.reproduce.target import Target

HEADING = "## By `clvl-bench reproduce`"
TITLES = (
    "target", "paper", "verdict", "figures", "furthest", "commit", "configuration", "data",
    "prompts", "weights", "versions",
)  # fmt: skip
SHORT = 12
"""Digits of a hash in a row."""


def row(name: str, target: Target, comparison: Comparison) -> str:
    """The row of a target whose figures were all compared."""
    origins = comparison.origins
    near = f"{len(comparison.within)} of {len(comparison.pairs)} within "
    cells = (
        name,
        target.paper,
        comparison.verdict,
        f"{near}{comparison.tolerance.points:g} points",
        f"{comparison.furthest.difference:+.4f} points",
        _each(_commit(origin) for origin in origins),
        sha256("\n".join(sorted(origin.run for origin in origins)).encode())[:SHORT],
        _each(origin.data_sha256[:SHORT] for origin in origins),
        _each(origin.prompts_sha256[:SHORT] for origin in origins),
        _each(f"{origin.backbone} {origin.weights_sha256[:SHORT]}" for origin in origins),
        _each(origin.versions for origin in origins),
    )
    return _line(cells)


def _commit(origin: Origin) -> str:
    changed = " with changes" if origin.changed == "true" else ""
    return f"{origin.commit[:SHORT] or 'no checkout'}{changed}"


def _each(told: Iterable[str]) -> str:
    """What there is of it, each once."""
    return ", ".join(dict.fromkeys(told))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def write_row(path: Path, name: str, line: str) -> None:
    """Put a row into the table below the heading, in the place of an older one of the target; the
    table is begun where there is none.
    """
    lines = read_text(path).splitlines() if path.is_file() else ["# Reproduction"]
    if HEADING not in lines:
        lines += ["", HEADING, "", _line(TITLES), _line(["---"] * len(TITLES))]
    rows = _rows_below(lines, lines.index(HEADING))
    old = [place for place in rows if lines[place].startswith(f"| {name} |")]
    if old:
        lines[old[0]] = line
    else:
        lines.insert(rows[-1] + 1, line)
    write_atomically(path, ("\n".join(lines) + "\n").encode())


def _rows_below(lines: Sequence[str], heading: int) -> list[int]:
    """Where the table below a heading stands; those of other sections are not of it."""
    rows = []
    for place in range(heading + 1, len(lines)):
        if lines[place].startswith("#"):
            break
        if lines[place].startswith("|"):
            rows.append(place)
    return rows

"""Markdown made from plain texts."""

import re
from collections.abc import Iterable, Sequence

CODE = re.compile(r"(`[^`]*`)")
PAPER = re.compile(r"arXiv:(\d{4}\.\d{4,5})")


def text(plain: str) -> str:
    """A text of a docstring or a TOML file: what stands in backticks is code, papers are links, and
    nothing else is taken for markup.
    """
    parts = CODE.split(plain)
    # Every second part is code, and stays.
    parts[::2] = [_escaped(part) for part in parts[::2]]
    return "".join(parts)


def _escaped(plain: str) -> str:
    """A file name such as results/a_b.md keeps its underscores: inside a word they mark nothing."""
    marked = re.sub(r"([*<>{}\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", plain)
    return PAPER.sub(r"[arXiv:\1](https://arxiv.org/abs/\1)", marked)


def code(word: str) -> str:
    return f"`{word}`" if word else ""


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; nothing if it has no row. Cells are Markdown already."""
    lines = [_row(cells) for cells in rows]
    if not lines:
        return ""
    return "\n".join([_row(titles), _row(["---"] * len(titles)), *lines]) + "\n"


def _row(cells: Sequence[str]) -> str:
    inside = " | ".join(re.sub(r"\s*\n\s*", " ", cell).replace("|", "\\|") for cell in cells)
    return f"| {inside} |"

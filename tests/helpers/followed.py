"""Pages of the documentation, followed as they stand: files are written, commands typed in their
order, in one folder a page.

A block of `sh` holds commands. Above one that cannot be typed here stands, as a comment that no
reader sees, why: `<!-- not typed: a cluster -->`.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from victim import Victims

FENCED = re.compile(
    r"(?P<before>[^\n]*)\n```(?P<language>\w*)\n(?P<body>.*?)^```", re.DOTALL | re.MULTILINE
)
NOT_TYPED = re.compile(r"<!-- not typed: (.+) -->")
PROGRAM = re.compile(r"^(clvl-bench|python3?|make|uv|git|pip|eval|\w+=\S+ make) ", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block of a page, the line before it, and the number of its first line."""

    before: str
    language: str
    body: str
    line: int
    above: str

    @property
    def has_commands(self) -> bool:
        """Whether it is typed by a reader: a script of many lines is not."""
        return PROGRAM.search(self.body) is not None and self.language in ("", "sh", "bash")

    @property
    def why_not(self) -> str | None:
        """Why it cannot be typed here."""
        found = NOT_TYPED.fullmatch(self.before.strip())
        return None if found is None else found[1]


def blocks_of(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, in their order."""
    for found in FENCED.finditer(page):
        above = page[: found.start("before") + len(found["before"])]
        line = above.count("\n") + 2
        yield Block(found["before"], found["language"], found["body"], line, above)


def typed(process: Victims, folder: Path, body: str) -> str:
    """What the screen shows behind some commands, which all end well."""
    screen = ""
    for line in body.replace("\\\n", " ").splitlines():
        program, *words = shlex.split(line, comments=True)
        assert program in ("clvl-bench", "python"), line
        into = None
        if len(words) > 2 and words[-2] == ">":
            into, words = folder / words[-1], words[:-2]
        done = process.finished(*words, cwd=folder)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        if into is not None:
            into.write_text(done.stdout)
        screen += done.stdout
    return screen

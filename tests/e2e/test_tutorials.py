"""Each tutorial is followed as it stands: its files are written, its commands typed in their order,
and what it shows of their output appears.

Numbers are not compared: another processor may have other last bits.
"""

import re
import shlex
from pathlib import Path

import pytest
from conftest import ROOT

TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("[!i]*.md"))
BLOCK = re.compile(
    r"(?P<before>[^\n]*)\n```(?P<language>\w*)\n(?P<body>.*?)^```", re.DOTALL | re.MULTILINE
)
FILE = re.compile(r"`([\w.-]+\.(?:toml|py))`")
NOT_TYPED = {"make setup": "installs: continuous integration runs the target itself"}
"""Commands of the tutorials that need a network, a GPU or a machine of another kind, and why they
are not run here. What stands in blocks of `bash` is a script for such a machine."""


def masked(text: str) -> list[str]:
    """The lines of a screen with a # for each number, and one blank for many."""
    numbers = [re.sub(r"[0-9a-f]{12}|\d[\d.]*", "#", line) for line in text.splitlines()]
    return [" ".join(line.replace("±#", "").split()) for line in numbers]


def named_above(page: str, end: int) -> str:
    """The last file that the text before a block names."""
    return FILE.findall(page[:end])[-1]


@pytest.mark.slow
@pytest.mark.parametrize("tutorial", TUTORIALS, ids=[page.stem for page in TUTORIALS])
def test_a_tutorial_leads_from_nothing_to_a_row(process, tmp_path, tutorial):
    page = tutorial.read_text(encoding="utf-8")
    screen: list[str] = []
    for block in BLOCK.finditer(page):
        body, language = block["body"], block["language"]
        if language in ("toml", "python"):
            above = block.start("before") + len(block["before"])
            (tmp_path / named_above(page, above)).write_text(body)
        elif language == "sh":
            screen = typed(process, tmp_path, body.splitlines())
        elif language == "text":
            assert [line for line in masked(body) if line and line not in screen] == []
    assert len((tmp_path / "table" / "summary.csv").read_text().splitlines()) > 2


def typed(process, folder: Path, lines: list[str]) -> list[str]:
    """What the screen shows behind some commands."""
    screen: list[str] = []
    for line in lines:
        if line in NOT_TYPED:
            continue
        program, *words = shlex.split(line, comments=True)
        assert program in ("clvl-bench", "python"), line
        done = process.finished(*words, cwd=folder)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        screen += masked(done.stdout)
    return screen

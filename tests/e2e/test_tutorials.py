"""Each tutorial is followed as it stands: its files are written, its commands typed in their order,
and what it shows of their output appears.

Numbers are not compared: another processor may have other last bits.
"""

import re

import pytest
from conftest import ROOT
from helpers.followed import blocks_of, typed

TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("[!i]*.md"))
FILE = re.compile(r"`([\w.-]+\.(?:toml|py))`")
INSTALLS = "make setup\n"
"""Continuous integration runs the target itself."""


def masked(text: str) -> list[str]:
    """The lines of a screen with a # for each number, and one blank for many."""
    numbers = [re.sub(r"[0-9a-f]{12}|\d[\d.]*", "#", line) for line in text.splitlines()]
    return [" ".join(line.replace("±#", "").split()) for line in numbers]


@pytest.mark.slow
@pytest.mark.parametrize("tutorial", TUTORIALS, ids=[page.stem for page in TUTORIALS])
def test_a_tutorial_leads_from_nothing_to_a_row(process, tmp_path, tutorial):
    screen: list[str] = []
    for block in blocks_of(tutorial.read_text(encoding="utf-8")):
        if block.language in ("toml", "python"):
            (tmp_path / FILE.findall(block.above)[-1]).write_text(block.body)
        elif block.language == "sh":
            screen = masked(typed(process, tmp_path, block.body.removeprefix(INSTALLS)))
        elif block.language == "text":
            assert [line for line in masked(block.body) if line and line not in screen] == []
    assert len((tmp_path / "table" / "summary.csv").read_text().splitlines()) > 2

"""The commands of how-to, reference and explanation, typed in the order of their page, but for
those above which stands why they cannot be (tests/contract/test_docs.py holds that each says so).
"""

import re
from pathlib import Path

import pytest
from conftest import ROOT
from helpers.followed import blocks_of, typed
from victim import Victims

PAGES = sorted(
    page
    for folder in ("howto", "reference", "explanation")
    for page in (ROOT / "docs" / folder).glob("*.md")
)
FILE = re.compile(r"^# ([\w.-]+\.toml): |`([\w.-]+\.(?:toml|py))`")
"""A block of a file names it in its first line, or the line above it does."""
QUICK = ("install", "reproduce")
"""Typed in continuous integration; the others by `make test-sweep`."""


def commands(page: Path) -> list[str]:
    """What of a page is typed."""
    found = blocks_of(page.read_text(encoding="utf-8"))
    return [block.body for block in found if block.has_commands and block.why_not is None]


def tier(page: Path) -> pytest.MarkDecorator:
    return pytest.mark.slow if page.stem in QUICK else pytest.mark.sweep


@pytest.mark.parametrize(
    "page", [pytest.param(each, id=each.stem, marks=tier(each)) for each in PAGES if commands(each)]
)
def test_the_commands_of_a_page_end_well(process: Victims, tmp_path: Path, page: Path):
    for name in ("docs", "experiments", "benchmarks"):
        (tmp_path / name).symlink_to(ROOT / name)
    for block in blocks_of(page.read_text(encoding="utf-8")):
        named = FILE.search(block.body.partition("\n")[0]) or FILE.search(block.before)
        if block.language in ("toml", "python") and named is not None:
            (tmp_path / (named[1] or named[2])).write_text(block.body)
        elif block.has_commands and block.why_not is None:
            typed(process, tmp_path, block.body)

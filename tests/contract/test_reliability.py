"""The page of the reliability names a test for each of its cases, and the tests are there."""

import ast
import re

import pytest
from contract.tables import ROOT

PAGE = (ROOT / "docs" / "explanation" / "reliability.md").read_text(encoding="utf-8")
CASES = 66
LONGEST_REASON = 200


def cases() -> list[list[str]]:
    """The rows of the page's table, cell by cell."""
    rows = re.findall(r"^\| (\d+ \|.*) \|$", PAGE, re.MULTILINE)
    return [[cell.strip() for cell in row.split(" | ")] for row in rows]


def test_every_case_is_there_once_and_in_its_order():
    assert [int(case[0]) for case in cases()] == list(range(1, CASES + 1))
    assert {len(case) for case in cases()} == {4}


def names_of_tests(file: str) -> set[str]:
    """The functions of a file that pytest would collect, read from its source."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {function.name for function in functions if function.name.startswith("test_")}


@pytest.mark.parametrize("case", cases(), ids=[case[0] for case in cases()])
def test_a_case_names_tests_that_exist_or_says_why_it_is_struck_out(case):
    where = case[3]
    if where.startswith("struck out: "):
        assert case[2] == "-", "what is struck out promises nothing"
        assert 20 < len(where) < LONGEST_REASON
        return
    assert case[2] != "-"
    named = where.split(", ")
    assert named
    for name in named:
        assert re.fullmatch(r"`[^`]+`", name), name
        if name.startswith("`make "):
            target = name.strip("`").removeprefix("make ")
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), name
            continue
        file, _, function = name.strip("`").partition("::")
        assert function in names_of_tests(file), name

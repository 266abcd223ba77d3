"""Names of `clvl_bench.__all__` are documented, their examples run, and importing costs nothing."""

import doctest
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

import clvl_bench as cb

COST = """
import sys, time
start = time.process_time()
import clvl_bench
ours = time.process_time() - start
heavy = [name for name in ("torch", "avalanche", "pandas", "matplotlib") if name in sys.modules]
start = time.process_time()
import torch
print(ours, time.process_time() - start, heavy)
"""


def test_importing_takes_less_than_a_tenth_of_torch_and_loads_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", COST], cwd=ROOT, capture_output=True, text=True, check=True
    )
    ours, torch, heavy = done.stdout.split(" ", 2)
    assert heavy.strip() == "[]"
    assert float(ours) < 0.1 * float(torch)


@pytest.mark.parametrize("name", cb.__all__)
def test_a_public_name_says_what_it_is_by_an_example(name):
    text = inspect.getdoc(getattr(cb, name))
    assert text
    assert ">>> " in text


@pytest.mark.parametrize("name", cb.__all__)
def test_a_public_name_stands_in_the_page_of_the_api(name):
    assert f"`{name}" in (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", cb.__all__)
def test_the_example_of_a_public_name_gives_what_it_says(name, tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "toy_landcover").symlink_to(ROOT / "results" / "toy_landcover")
    monkeypatch.chdir(tmp_path)
    thing = getattr(cb, name)
    finder = doctest.DocTestFinder(recurse=False)
    found = finder.find(thing, name, globs={"cb": cb})
    results = [doctest.DocTestRunner(verbose=False).run(example) for example in found]
    assert sum(result.attempted for result in results) > 0
    assert sum(result.failed for result in results) == 0


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'strategy'"):
        cb.strategy  # noqa: B018 (asking is the test)


def test_names_are_listed_before_they_are_imported():
    code = "import clvl_bench; print('run' in dir(clvl_bench), 'run' in vars(clvl_bench))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "False"]


def test_the_notebook_is_committed_without_outputs():
    """It is run when the site is built (`make docs`), which fails where a cell does."""
    content = json.loads(
        Path(ROOT / "docs" / "tutorials" / "notebook.ipynb").read_text(encoding="utf-8")
    )
    assert not any(cell.get("outputs") for cell in content["cells"])

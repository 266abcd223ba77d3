"""What pages say about recipes and the authors' code is so: commands are valid, files exist, and
figures agree.
"""

import re
import shlex

import pytest
from contract.tables import ROOT

from clvl_bench.inputs.augmentation_config import AugmentationConfig
from clvl_bench.runs.files import load, run_config
from clvl_bench.runs.toml_files import names
from clvl_bench.training.config import StrategyConfig

AUTHORS = ROOT / "tests" / "authors"
RECIPES = (ROOT / "docs" / "howto" / "recipes.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^clvl-bench run .*?(?=^```)", RECIPES, re.DOTALL | re.MULTILINE)
SHARED = {"prefix_attention", "mammoth_metrics", "zscl_metrics"}
"""Stored numbers of no method of its own: attention with a prefix, and metrics."""
HEADS = {"linear"}
"""What the tests teach by the methods under test."""
CELL = re.compile(r"`(\w+)`: (.+); ([\d.e+-]+) \(\[(\w+)\]\(\.\./(tests/authors/\w+\.py)\)\)")


def table_of(page: str) -> list[list[str]]:
    """The rows of a page's last table, cell by cell, without its head."""
    lines = (ROOT / page).read_text(encoding="utf-8").split("\n|---|")[-1].splitlines()[1:]
    rows = [line for line in lines if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


REPRODUCED = [
    (row[0].split(", "), CELL.fullmatch(row[4]))
    for row in table_of("results/REPRODUCTION.md")
    if row[4] != "-"
]


@pytest.mark.parametrize("command", COMMANDS, ids=[text.split()[3] for text in COMMANDS])
def test_a_published_recipe_is_valid_as_it_stands(command):
    words = shlex.split(command.replace("\\\n", " "))[2:]
    overrides = [words[at + 1] for at, word in enumerate(words) if word == "--set"]
    assert run_config(words[0], words[1], overrides=overrides).strategy_config.adapter.trains


def test_a_strategy_augments_where_the_page_says_so_and_nowhere_else():
    on = re.search(r"\*\*On\*\* in ([^(]*)", RECIPES)
    assert on is not None
    augmenting = set()
    for name in names("strategy"):
        config = load("strategy", name)
        assert isinstance(config, StrategyConfig)
        if config.train.augmentation is not None:
            augmenting.add(name)
            assert config.train.augmentation == AugmentationConfig(scale=(0.9, 1.0))
    assert augmenting == set(re.findall(r"`(\w+)`", on[1]))


def test_each_cell_of_reproduction_names_a_test_that_reads_its_numbers():
    for strategies, cell in REPRODUCED:
        assert cell is not None, f"{strategies}: not `file`: what; difference ([test](path))"
        stored, _, _, test, path = cell.groups()
        assert (AUTHORS / "data" / f"{stored}.safetensors").is_file()
        assert path == f"tests/authors/{test}.py"
        source = (ROOT / path).read_text(encoding="utf-8")
        assert re.search(rf"\b{stored}\b", source), f"{path} does not read {stored}"


def test_each_difference_is_the_one_that_the_authors_page_gives():
    given = {}
    for files, _, _, difference, _ in table_of("tests/authors/README.md"):
        given |= dict.fromkeys(files.split(", "), difference)
    told = {cell[1]: cell[3] for _, cell in REPRODUCED if cell is not None}
    assert told == {name: given[name] for name in given.keys() - SHARED}
    assert given.keys() == {path.stem for path in (AUTHORS / "data").glob("*.safetensors")}


def test_each_method_that_is_compared_with_the_authors_code_has_its_cell():
    """A method is compared where a test of tests/authors imports it."""
    compared: dict[str, set[str]] = {}
    for path in AUTHORS.glob("test_*.py"):
        imported = re.findall(r"from clvl_bench\.methods\.([a-z]\w*)\.", path.read_text("utf-8"))
        for kind in set(imported) - HEADS:
            compared.setdefault(kind, set()).add(path.stem)
    assert len(compared) > 20
    shown: dict[str, set[str]] = {}
    for strategies, cell in REPRODUCED:
        for name in strategies:
            config = load("strategy", name)
            assert isinstance(config, StrategyConfig)
            for part in (config.adapter, *config.plugins):
                shown.setdefault(part.kind, set()).add(cell[4])
    without = {kind for kind, tests in compared.items() if not tests & shown.get(kind, set())}
    assert without == set()

"""What the package declares is there. That a wheel runs is shown by `make package`."""

import re
import tomllib
from pathlib import Path

import clvl_bench
from clvl_bench.exporters.listing import EXPORTERS
from clvl_bench.runs.toml_files import FOLDERS

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SHIPPED = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]


def test_what_is_shipped_is_there_and_lies_where_it_is_looked_for():
    assert [source for source in SHIPPED if not (ROOT / source).is_dir()] == []
    assert {target.removesuffix(source) for source, target in SHIPPED.items()} == {
        "clvl_bench/shipped/"
    }
    for folder in FOLDERS.values():
        assert any(folder == each or folder.startswith(f"{each}/") for each in SHIPPED)


def test_every_tracker_has_an_extra_of_its_name():
    extras = PROJECT["project"]["optional-dependencies"]
    assert [name for name in EXPORTERS if not extras[name][0].startswith(name)] == []


def test_version_citation_and_changelog_agree():
    """While it is worked on, the changelog's top section has no version yet."""
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {clvl_bench.__version__}\n" in citation
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", changelog, re.MULTILINE)
    assert released[:1] in ([], [clvl_bench.__version__])

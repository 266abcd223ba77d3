"""The unions in config are the registry: kinds, modules, files and readers match one to one, whatever is added."""

import pytest
from contract.tables import FILES, STRATEGIES, members, offering, written

from clvl_bench import adapters, plugins, readers
from clvl_bench.config.adapters import Adapter
from clvl_bench.config.backbones import BACKBONES
from clvl_bench.config.files import check
from clvl_bench.config.plugins import Plugin
from clvl_bench.config.reads import Reads
from clvl_bench.datasets import DATASETS, QUESTION_KINDS, QUESTIONS, Source, VqaSource
from clvl_bench.readers import vqa

REGISTRIES = [(Adapter, adapters), (Plugin, plugins)]
KINDS = [(part, kind) for part, union in (("adapter", Adapter), ("plugins", Plugin)) for kind in members(union)]


@pytest.mark.parametrize(("union", "package"), REGISTRIES, ids=["adapters", "plugins"])
def test_kinds_and_modules_match_one_to_one(union, package):
    assert set(members(union)) == set(offering(package, "build"))


@pytest.mark.parametrize(("union", "package"), REGISTRIES, ids=["adapters", "plugins"])
def test_a_module_builds_from_the_configuration_of_its_name(union, package):
    built = {name: module.build.__annotations__["config"] for name, module in offering(package, "build").items()}
    assert built == members(union)


@pytest.mark.parametrize("union", [Adapter, Plugin], ids=["adapters", "plugins"])
def test_every_kind_says_what_it_reads_and_what_it_is(union):
    for config in members(union).values():
        assert config.reads in Reads.__args__
        assert config.__doc__


def test_source_kinds_and_readers_match_one_to_one():
    sources = set(members(Source))
    assert sources == set(offering(readers, "read"))
    assert set(QUESTION_KINDS) == set(members(VqaSource)) == set(offering(vqa, "read"))


@pytest.mark.parametrize(("sort", "path"), FILES, ids=[f"{sort}-{path.stem}" for sort, path in FILES])
def test_a_file_is_a_valid_one_of_its_sort(sort, path):
    assert check(path)[0] == sort


@pytest.mark.parametrize(("sort", "path"), FILES, ids=[f"{sort}-{path.stem}" for sort, path in FILES])
def test_a_file_begins_by_saying_what_it_is(sort, path):
    assert path.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize(("part", "kind"), KINDS, ids=[f"{part}-{kind}" for part, kind in KINDS])
def test_every_kind_is_used_by_a_strategy_file(part, kind):
    assert any(table["kind"] == kind for path in STRATEGIES for table in written(path, part))


@pytest.mark.parametrize("table", [(*DATASETS, *QUESTIONS), BACKBONES], ids=["datasets", "backbones"])
def test_a_name_is_listed_once(table):
    names = [entry.name for entry in table]
    assert len(set(names)) == len(names)

"""The unions in config are the registry: kinds, modules, files and readers match one to one,
whatever is added.
"""

import inspect
import types
from inspect import Parameter, signature
from typing import get_type_hints

import pytest
from contract.tables import FILES, STRATEGIES, members, offering, written

from clvl_bench.backbones.catalog import BACKBONES
from clvl_bench.core.errors import Mistake
from clvl_bench.data import readers
from clvl_bench.data.catalog.listing import DATASETS, QUESTION_KINDS, QUESTIONS
from clvl_bench.data.catalog.sources import Source
from clvl_bench.data.catalog.vqa_sources import VqaSource
from clvl_bench.data.readers import vqa
from clvl_bench.inputs.kinds import InputKind
from clvl_bench.methods._base.plugin import Plugin
from clvl_bench.methods.registry import adapters, config_class, plugins
from clvl_bench.methods.replay.config import ReplayConfig
from clvl_bench.methods.replay.plugin import Replay
from clvl_bench.runs.files import check

METHODS = {**adapters(), **plugins()}
KINDS = [*(("adapter", kind) for kind in adapters()), *(("plugins", kind) for kind in plugins())]


@pytest.mark.parametrize("kind", METHODS)
def test_the_configuration_of_a_method_lies_in_its_folder(kind):
    assert METHODS[kind].__module__ == f"clvl_bench.methods.{kind}.config"


@pytest.mark.parametrize("kind", adapters())
def test_an_adapter_lies_beside_its_configuration_and_is_made_from_it(kind):
    adapter = adapters()[kind].adapter_class()
    assert adapter.__module__ == f"clvl_bench.methods.{kind}.adapter"
    config, backbone, classes, *more = signature(adapter).parameters.values()
    assert [each.name for each in (config, backbone, classes)] == ["config", "backbone", "classes"]
    assert all(each.default is not Parameter.empty for each in more)
    assert issubclass(config_class(kind), get_type_hints(adapter.__init__)["config"])


@pytest.mark.parametrize("kind", plugins())
def test_a_plugin_takes_its_settings_and_a_context_and_writes_no_default(kind):
    parameters = inspect.signature(METHODS[kind].plugin_class()).parameters
    assert list(parameters) == ["config", "context"]
    assert all(each.default is inspect.Parameter.empty for each in parameters.values())


@pytest.mark.parametrize(
    ("classes", "says"), [((), "defines none"), (("One", "Two"), "defines One, Two")]
)
def test_a_module_with_no_plugin_or_with_two_is_refused_and_helpers_do_not_count(
    monkeypatch, classes, says
):
    module = types.ModuleType("mine.plugin")
    module.Imported = Replay
    for name in ("_Helper", *classes):
        setattr(module, name, type(name, (Plugin,), {"__module__": module.__name__}))
    monkeypatch.setattr(ReplayConfig, "sibling", lambda name: module)
    with pytest.raises(Mistake, match=f"mine.plugin must define one public class .* {says}"):
        ReplayConfig.plugin_class()


@pytest.mark.parametrize("kind", METHODS)
def test_every_kind_says_what_it_reads_and_what_it_is(kind):
    assert METHODS[kind].input_kind in InputKind.__args__
    assert METHODS[kind].__doc__


def test_source_kinds_and_readers_match_one_to_one():
    sources = set(members(Source))
    assert sources == set(offering(readers, "read"))
    assert set(QUESTION_KINDS) == set(members(VqaSource)) == set(offering(vqa, "read"))


@pytest.mark.parametrize(
    ("sort", "path"), FILES, ids=[f"{sort}-{path.stem}" for sort, path in FILES]
)
def test_a_file_is_a_valid_one_of_its_sort(sort, path):
    assert check(path)[0] == sort


@pytest.mark.parametrize(
    ("sort", "path"), FILES, ids=[f"{sort}-{path.stem}" for sort, path in FILES]
)
def test_a_file_begins_by_saying_what_it_is(sort, path):
    assert path.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize(("part", "kind"), KINDS, ids=[f"{part}-{kind}" for part, kind in KINDS])
def test_every_kind_is_used_by_a_strategy_file(part, kind):
    assert any(table["kind"] == kind for path in STRATEGIES for table in written(path, part))


@pytest.mark.parametrize(
    "table", [(*DATASETS, *QUESTIONS), BACKBONES], ids=["datasets", "backbones"]
)
def test_a_name_is_listed_once(table):
    names = [entry.name for entry in table]
    assert len(set(names)) == len(names)

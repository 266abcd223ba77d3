"""Which class a configuration builds: the one public adapter of the module beside it."""

import sys
from types import ModuleType

import pytest

from clvl_bench.core.errors import Mistake
from clvl_bench.methods._base.adapter import Adapter
from clvl_bench.methods._base.config import AdapterConfig
from clvl_bench.methods.none.adapter import ZeroShot


@pytest.fixture
def module(monkeypatch):
    """An empty module `adapter` beside the configuration below."""
    made = ModuleType("made.adapter")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made


class MadeConfig(AdapterConfig):
    kind: str = "made"


MadeConfig.__module__ = "made.config"


def define(module, name, *bases):
    setattr(module, name, type(name, bases, {"__module__": module.__name__}))


def test_the_one_public_adapter_is_built_whatever_helpers_stand_beside_it(module, tiny):
    module.ZeroShot = ZeroShot  # imported: it is defined elsewhere
    define(module, "Helper", object)
    define(module, "_Member", Adapter)
    define(module, "Made", Adapter)
    config = MadeConfig()
    adapter = config.build(tiny, ())
    assert type(adapter) is module.Made
    assert (adapter.config, adapter.backbone, adapter.classes) == (config, tiny, ())


@pytest.mark.parametrize(("names", "said"), [((), "none"), (("One", "Two"), "One, Two")])
def test_no_public_adapter_or_two_of_them_are_refused_by_name(module, names, said):
    for name in names:
        define(module, name, Adapter)
    with pytest.raises(Mistake, match=f"one public class .* and defines {said}; "):
        MadeConfig.adapter_class()

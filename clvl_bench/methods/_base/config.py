"""The base of every method's settings: what a file may say of it, and what the suite must know
before anything is loaded.

A method is a folder of `methods/` with `config.py` (one class with its `kind`, no torch) and
`adapter.py` or `plugin.py`. Its properties are declared here, on the class, so that nothing outside
a method's folder asks for it by name.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import model_validator

from clvl_bench.core.schema import Schema
from clvl_bench.inputs.kinds import InputKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clvl_bench.backbones.base import Backbone
    from clvl_bench.data.catalog.candidate import Candidate
    from clvl_bench.methods._base.adapter import Adapter
    from clvl_bench.methods._base.plugin import Plugin, PluginContext


class MethodConfig(Schema):
    """Settings of a method. A subclass gives `kind` a default, which is the name that files use."""

    input_kind: ClassVar[InputKind] = "image_features"
    """What it looks at: frozen features, or pixels that go through a tower at every step."""
    kind: str

    @model_validator(mode="after")
    def _kind_is_its_own(self) -> Self:
        own = type(self).model_fields["kind"].default
        if self.kind != own:
            raise ValueError(f"kind: got '{self.kind}' for the settings of '{own}'; leave it out")
        return self

    @property
    def needs_experiences(self) -> bool:
        """Whether it needs an experience as a whole, which an online stream does not give."""
        return False

    @classmethod
    def sibling(cls, name: str) -> ModuleType:
        """The module of that name beside the one that holds this class."""
        package, _, _ = cls.__module__.rpartition(".")
        return import_module(f"{package}.{name}")


class AdapterConfig(MethodConfig):
    """Settings of what is trainable, and of how logits come out."""

    trains: ClassVar[bool] = True
    """Whether anything is learned at all."""
    adds_parts: ClassVar[bool] = False
    """Whether a part is added for each experience."""

    @property
    def title(self) -> str:
        """What errors call it."""
        return f"the adapter '{self.kind}'"

    @classmethod
    def adapter_class(cls) -> type["Adapter"]:
        """The one public adapter in the module `adapter` beside the configuration.

        Raises:
            AssertionError: there are several, or there is none.
        """
        # By name and not by an import statement: a configuration is read where torch is not.
        base = import_module("clvl_bench.methods._base.adapter").Adapter
        module = cls.sibling("adapter")
        found: list[type[Adapter]] = [
            value
            for name, value in vars(module).items()
            if not name.startswith("_")
            and isinstance(value, type)
            and issubclass(value, base)
            and value.__module__ == module.__name__
        ]
        if len(found) != 1:
            names = ", ".join(value.__name__ for value in found) or "none"
            raise AssertionError(
                f"{module.__name__} must define one public class that is an Adapter, and defines "
                f"{names}; begin the names of helpers with _ or move them to a module beside it"
            )
        return found[0]

    def build(self, backbone: "Backbone", classes: "Sequence[Candidate]") -> "Adapter":
        """The adapter for the benchmark's classes.

        A method that is put together from parts may override this.

        Raises:
            Mistake: it needs something that the backbone does not have.
        """
        return self.adapter_class()(self, backbone, classes)


class PluginConfig(MethodConfig):
    """Settings of what else happens while a strategy learns."""

    needs_online: ClassVar[bool] = False
    """Whether it works in the steps of an online stream alone."""
    compares_weights: ClassVar[bool] = False
    """Whether it compares or mixes the weights before and behind an experience."""

    @property
    def reads_captions(self) -> bool:
        """Whether it reads the sentences beside the reference images."""
        return False

    def build(self, context: "PluginContext") -> "Plugin":
        """The plugin: what `build` in the module `plugin` beside the configuration makes.

        Raises:
            Mistake: it needs something that the benchmark does not have.
        """
        plugin: Plugin = self.sibling("plugin").build(self, context)
        return plugin

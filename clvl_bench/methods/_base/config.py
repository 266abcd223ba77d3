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
        """The module of that name beside `config`; the same module where a method is one file."""
        package, _, module = cls.__module__.rpartition(".")
        return import_module(f"{package}.{name}" if module == "config" else cls.__module__)


class AdapterConfig(MethodConfig):
    """Settings of what is trainable, and of how logits come out."""

    trains: ClassVar[bool] = True
    """Whether anything is learned at all."""
    adds_parts: ClassVar[bool] = False
    """Whether a part is added for each experience."""

    def build(self, backbone: "Backbone", table: "Sequence[Candidate]") -> "Adapter":
        """The adapter: what `build` in the module `adapter` beside the configuration makes.

        Raises:
            Mistake: it needs something that the backbone does not have.
        """
        adapter: Adapter = self.sibling("adapter").build(self, backbone, table)
        return adapter


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

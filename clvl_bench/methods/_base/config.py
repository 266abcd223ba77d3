"""The base of every method's settings: what a file may say of it, and what the suite must know
before anything is loaded.

A method is a folder of `methods/` with `config.py` (one class with its `kind`, no torch) and
`adapter.py` or `plugin.py`. Its properties are declared here, on the class, so that nothing outside
a method's folder asks for it by name.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import model_validator

from clvl_bench.core.errors import Mistake
from clvl_bench.core.schema import Schema
from clvl_bench.inputs.kinds import InputKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clvl_bench.backbones.base import Backbone
    from clvl_bench.data.catalog.candidate import Candidate
    from clvl_bench.methods._base.adapter import Adapter
    from clvl_bench.methods._base.plugin import Plugin, PluginContext


TowerPart = Literal["word_embeddings", "image_attention", "text_attention", "layers"]
"""What a method may want inside a backbone's towers: embeddings of words, query and value
projections of the image or the text tower, or a way in between layers."""

TrainClasses = Literal["experience", "seen", "batch"]
"""The classes among which training logits are compared."""


class MethodConfig(Schema):
    """Settings of a method. A subclass gives `kind` a default, which is the name that files use.

    Fields are validated before anything heavy is imported; an unknown one is refused.

    Raises:
        pydantic.ValidationError: a value is not allowed.

    Example:
        >>> import clvl_bench as cb
        >>> class StretchConfig(cb.MethodConfig):
        ...     kind: str = "stretch"
        ...     start: float = 1.0
        >>> StretchConfig(start=2).model_dump()
        {'kind': 'stretch', 'start': 2.0}
    """

    input_kind: ClassVar[InputKind] = "image_features"
    """What it looks at, frozen features, or pixels that go through a tower at every step."""
    without_experiences: ClassVar[str] = "use another strategy"
    """How to mend it where it needs whole experiences in a stream that gives none, as the end of an
    error's line."""
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

    @classmethod
    def _one_class(cls, name: str, base_name: str) -> Any:
        """The public class of the sibling module `name` that is a subclass of the base class of
        the module `_base.<name>`. Of several (in a notebook, or a file of two methods) it is the
        one that is called as the settings are: `Scale` of `ScaleConfig`.

        Raises:
            Mistake: there is none, or several of which none is called so.
        """
        # By name and not by an import statement: a configuration is read where torch is not.
        base = getattr(import_module(f"clvl_bench.methods._base.{name}"), base_name)
        module = cls.sibling(name)
        found = {}
        for label, value in vars(module).items():
            is_one = isinstance(value, type) and issubclass(value, base)
            if is_one and value.__module__ == module.__name__ and not label.startswith("_"):
                found[label] = value
        if len(found) == 1:
            return next(iter(found.values()))
        wanted = cls.__name__.removesuffix("Config")
        if wanted in found:
            return found[wanted]
        raise Mistake(
            f"{module.__name__} must define one public class that is a {base_name}, and defines "
            f"{', '.join(found) or 'none'}; call the one of {cls.__name__} {wanted}, or begin the "
            "names of helpers with _"
        )


class AdapterConfig(MethodConfig):
    """Settings of what is trainable, and of how logits come out.

    Example:
        >>> import clvl_bench as cb
        >>> class HeadConfig(cb.AdapterConfig):
        ...     kind: str = "head"
        >>> HeadConfig().trains, HeadConfig().input_kind
        (True, 'image_features')
    """

    trains: ClassVar[bool] = True
    """Whether anything is learned at all."""
    adds_parts: ClassVar[bool] = False
    """Whether a part is added for each experience."""
    needs_of_towers: ClassVar[tuple[TowerPart, ...]] = ()
    """What must be inside the towers; a backbone without it is refused when the adapter is made."""
    merges: ClassVar[bool] = False
    """Whether what was learned is merged with other weights at an experience's end, before a plugin
    sees it."""
    shares_images: ClassVar[bool] = False
    """Whether several processes may work on one run: images go through the tower that trains by
    `backbones.sharing.shared`."""
    learns_from_labels: ClassVar[bool] = True
    """Whether it waits for labels at all; who does not can stand in any stream."""

    @property
    def transductive(self) -> bool:
        """Whether a prediction depends on the other samples that are asked about together. Then it
        is asked about all test samples of an experience at once, and records and tables say so.
        """
        return False

    @property
    def title(self) -> str:
        """What errors call it."""
        return f"the adapter '{self.kind}'"

    @classmethod
    def adapter_class(cls) -> type["Adapter"]:
        """The public adapter in the module `adapter` beside the configuration.

        Raises:
            Mistake: there are several, or there is none.
        """
        found: type[Adapter] = cls._one_class("adapter", "Adapter")
        return found

    def build(self, backbone: "Backbone", classes: "Sequence[Candidate]") -> "Adapter":
        """The adapter for the benchmark's classes.

        A method that is put together from parts may override this.

        Raises:
            Mistake: it needs something that the backbone does not have.
        """
        return self.adapter_class()(self, backbone, classes)


class PluginConfig(MethodConfig):
    """Settings of what else happens while a strategy learns.

    Example:
        >>> import clvl_bench as cb
        >>> class WatchConfig(cb.PluginConfig):
        ...     kind: str = "watch"
        >>> WatchConfig().needs_gradient
        True
    """

    needs_gradient: ClassVar[bool] = True
    """Whether it works on the loss. An adapter that learns without a gradient has none, and what
    a plugin rehearses would be counted once more by its statistics."""
    needs_reference: ClassVar[bool] = False
    """Whether it learns on the benchmark's reference set."""
    needs_online: ClassVar[bool] = False
    """Whether it works in the steps of an online stream alone."""
    rehearses: ClassVar[bool] = False
    """Whether samples of earlier experiences are trained on, so that their classes must be among
    those that training compares."""
    leaves_scores: ClassVar[bool] = False
    """Whether it works on samples alone, and so the same whatever classes training compares."""
    joins_batch: ClassVar[bool] = False
    """Whether samples of its own join each training batch before the forward pass."""
    takes_samples_off: ClassVar[bool] = False
    """Whether it takes these samples off the batch again behind the forward pass. It takes them
    from the batch's end, so that it must stand behind all others that join some."""
    trains_on_memory_alone: ClassVar[bool] = False
    """Whether each experience makes a fresh model, which trains on the plugin's memory in the
    place of the experience."""
    trains_in_rounds: ClassVar[bool] = False
    """Whether an experience is trained on several times, each time for `train.epochs`."""
    compares_weights: ClassVar[bool] = False
    """Whether it compares or mixes the weights before and behind an experience."""

    @property
    def reads_captions(self) -> bool:
        """Whether it reads the sentences beside the reference images."""
        return False

    @classmethod
    def plugin_class(cls) -> type["Plugin"]:
        """The public plugin in the module `plugin` beside the configuration.

        Raises:
            Mistake: there are several, or there is none.
        """
        found: type[Plugin] = cls._one_class("plugin", "Plugin")
        return found

    def build(self, context: "PluginContext") -> "Plugin":
        """The plugin, made from these settings and what is there.

        A method that is put together from parts may override this.

        Raises:
            Mistake: it needs something that the adapter or the benchmark does not have.
        """
        self._refuse(context)
        # Every plugin of a method takes its settings first; the base class, which has none, does
        # not say so.
        make: Callable[..., Plugin] = self.plugin_class()
        return make(self, context)

    def _refuse(self, context: "PluginContext") -> None:
        """What the class declares to need must be there.

        Raises:
            Mistake: it is not.
        """
        if self.needs_gradient and not context.learns_by_gradient:
            raise Mistake(
                f"plugin '{self.kind}' works on the loss, and this adapter learns without a "
                "gradient; choose an adapter that trains, for example linear, prompt or full"
            )
        if self.needs_reference and context.reference is None:
            raise Mistake(
                f"plugin '{self.kind}' needs a reference set; add reference = \"...\" to the "
                "benchmark"
            )

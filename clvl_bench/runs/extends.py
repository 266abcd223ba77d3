"""`extends`: a strategy or benchmark says what differs from another file, its parent.

Tables are laid over those of the parent, name by name, and what the file says itself wins. Two
tables of different `kind` have no settings in common, so that the file's replaces the parent's.
Plugins meet by their kind, and a new one comes behind those of the parent. `without` names what of
the parent is left out before all this.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clvl_bench.core.errors import Mistake, unknown
from clvl_bench.core.files import expanded, is_file
from clvl_bench.core.schema import Place
from clvl_bench.data.catalog.declaration import anchored
from clvl_bench.runs.laying import are_tables, laid_over, left_out
from clvl_bench.runs.toml_files import (
    FOLDERS,
    is_path,
    named,
    names,
    no_such_file,
    read_toml,
    shipped,
    shown,
)

SORTS = ("benchmark", "strategy")
"""What may extend another file of its sort; an experiment may not."""


@dataclass(frozen=True)
class Layer:
    """What one file says itself."""

    path: Path
    settings: dict[str, Any]
    extends: str | None = None
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Resolved:
    """What a file says with all that it extends: its content, and the files, the file itself
    first.
    """

    content: dict[str, Any]
    layers: tuple[Layer, ...]

    @property
    def path(self) -> Path:
        """The file itself."""
        return self.layers[0].path

    def said_by(self, place: Place) -> str:
        """The file that says what stands at a place of the content, as an error shows it; the file
        itself where none does.
        """
        own, *parents = self.layers
        names = _by_kind(self.content, place)
        if not _says(own.settings, names):
            for parent in parents:
                if _says(parent.settings, names):
                    return f"{shown(parent.path)}, which {shown(own.path)} extends"
        return shown(own.path)


def resolve(sort: str, path: Path) -> Resolved:
    """What a file of that sort says, with what it extends.

    Raises:
        Mistake: a file cannot be read, a parent is unknown, files extend each other in a circle, or
            `without` names what the parent does not have.
    """
    if sort not in SORTS:
        content = read_toml(path)
        return Resolved(content, (Layer(path, content),))
    layers = _chain(sort, path)
    content = {}
    for layer in reversed(layers):
        content.pop("version", None)  # each file says its own
        for name in layer.without:
            content = left_out(content, name.split("."), f"{shown(layer.path)}: without: '{name}'")
        content = laid_over(content, layer.settings)
    return Resolved(content, tuple(layers))


def _chain(sort: str, path: Path) -> list[Layer]:
    """The file, its parent, the parent's parent and so on."""
    layers = [_layer(path)]
    while layers[-1].extends is not None:
        parent = _parent(sort, layers[-1], layers[-1].extends)
        chain = [layer.path.resolve() for layer in layers]
        if parent.resolve() in chain:
            circle = " -> ".join(shown(each) for each in (*chain, parent))
            raise Mistake(f"{shown(path)}: extends: {circle} is a circle; let one extend nothing")
        layers.append(_parental(sort, _layer(parent), layers[0]))
    return layers


def _layer(path: Path) -> Layer:
    settings = read_toml(path)
    extends = settings.pop("extends", None)
    without = settings.pop("without", [])
    if extends is not None and not isinstance(extends, str):
        raise Mistake(f"{shown(path)}: extends: got {extends}; give one name or the path of a file")
    if not isinstance(without, list) or not all(isinstance(name, str) for name in without):
        raise Mistake(
            f"{shown(path)}: without: got {without}; give a list of names, for example "
            f'["plugins.replay"]'
        )
    if without and extends is None:
        raise Mistake(
            f"{shown(path)}: without: leaves out settings of a parent, and the file extends none; "
            f"remove it"
        )
    return Layer(path, settings, extends, tuple(without))


def _parental(sort: str, parent: Layer, own: Layer) -> Layer:
    """A parent, checked against the version of the file; the paths of its datasets count from its
    own folder.
    """
    version = parent.settings.get("version")
    expected = own.settings.get("version", version)
    if version is None:
        raise Mistake(f"{shown(parent.path)}: version: is missing; add it")
    if version != expected:
        raise Mistake(
            f"{shown(parent.path)}: version: got {version}; {shown(own.path)} extends it and has "
            f"{expected}: a file and its parent have the same"
        )
    tables = parent.settings.get("dataset")
    if sort != "benchmark" or not isinstance(tables, dict):
        return parent
    base = parent.path.resolve().parent
    datasets = {name: anchored(table, base=base) for name, table in tables.items()}
    settings = {**parent.settings, "dataset": datasets}
    return Layer(parent.path, settings, parent.extends, parent.without)


def _parent(sort: str, layer: Layer, name: str) -> Path:
    """The file that a file extends. A path counts from the folder of the file that says it.

    A name is looked for as everywhere, in the current folder and then among the shipped files; but
    a shipped file extends shipped ones, whatever lies in the current folder. A file that has the
    name itself is passed over: a user's own finetune.toml may extend the shipped one.
    """
    folder = layer.path.resolve().parent
    if is_path(name):
        path = folder / expanded(name)
        if not is_file(path):
            raise Mistake(f"{shown(layer.path)}: extends: {no_such_file(sort, name)}")
        return path
    roots = [Path.cwd(), shipped()]
    if folder == (shipped() / FOLDERS[sort]).resolve():
        roots.reverse()
    found = named(sort, name, roots=roots)
    if not found:
        raise Mistake(f"{shown(layer.path)}: extends: {unknown(sort, name, names(sort))}")
    others = [path for path in found if path.resolve() != layer.path.resolve()]
    return (others or found)[0]


def _by_kind(content: Any, place: Place) -> list[str]:
    """The names on the way to a place, plugins by their kind: a file's own list counts otherwise
    than the merged one.
    """
    names = []
    for part in place:
        if isinstance(content, dict) and part in content:
            content = content[part]
            names.append(str(part))
        elif are_tables(content) and isinstance(part, int) and part < len(content):
            content = content[part]
            names.append(str(content.get("kind")))
        else:
            break
    return names


def _says(settings: Any, names: Sequence[str]) -> bool:
    """Whether a file's own settings have what these names lead to."""
    for name in names:
        if are_tables(settings):
            settings = {str(each.get("kind")): each for each in settings}
        if not isinstance(settings, dict) or name not in settings:
            return False
        settings = settings[name]
    return bool(names)

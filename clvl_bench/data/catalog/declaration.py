"""Declaration: what must be known about a dataset before anything of it is read.

Class names, prompt templates, splits and revision decide a zero-shot number as much as the model
does, so they are data with a version. A declaration knows nothing of continual learning.
"""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from clvl_bench.core.files import exists, expanded, read_json
from clvl_bench.core.schema import Schema
from clvl_bench.data.catalog.prompts import OWN, fields_of, prompts_of
from clvl_bench.data.catalog.sources import Source

Domain = Literal["toy", "satellite", "medical", "general", "unknown"]
DuplicatesPolicy = Literal["report", "error", "skip"]
"""What to do about test images that are among the training images as well: count them, stop, or
leave them out of the test."""

SOURCE_PATHS = ("path", "text", "split_file")
"""Settings of a source that are paths of files or folders."""


class ImageDataset(Schema):
    """An image classification dataset.

    `labels` are the names in the data, in the order of the label numbers; `classes` the names in
    prompts, in the same order. In a file, `classes` may be a list, a table from label to name, or
    the path of a JSON list; for a folder it may be left out. `prompts` names the published set that
    classes and templates are taken from, or is "own" where they are written out. `splits` are the
    published sizes: data of another size are refused. `samples` is the published size of a dataset
    that was published without a split. `captions` is a text file, one sentence a line (of a table:
    its first column), that goes with the images as a reference set. `variant_of` is the dataset
    whose images, cut otherwise, these are: prompt sets know it by that name. `download_mb` is about
    what the published files weigh.

    `on_duplicates` is about test images that are among the training images as well. By default
    those of a published split or dataset are counted, since published numbers have them too, and
    those of a user's own data are an error.
    """

    name: str = ""
    variant_of: str | None = None
    title: str = ""
    version: int = 1
    domain: Domain = "unknown"
    source: Source
    labels: tuple[str, ...] = ()
    prompts: str = OWN
    classes: tuple[str, ...] = ()
    templates: tuple[str, ...] = Field(("a photo of a {}.",), min_length=1)
    splits: dict[str, int] = {}
    samples: int | None = Field(None, gt=0)
    captions: Path | None = None
    on_duplicates: DuplicatesPolicy | None = None
    download_mb: float | None = Field(None, ge=0)
    licence: str = "not stated"
    citation: str = ""

    @model_validator(mode="before")
    @classmethod
    def _classes_as_table(cls, content: Any) -> Any:
        if isinstance(content, dict) and isinstance(content.get("classes"), dict):
            table = content["classes"]
            content = {**content, "labels": tuple(table), "classes": tuple(table.values())}
        return content

    @model_validator(mode="before")
    @classmethod
    def _prompts_of_a_set(cls, content: Any) -> Any:
        if not isinstance(content, dict) or not isinstance(content.get("prompts"), str):
            return content
        if content["prompts"] == OWN:
            return content
        known_as = str(content.get("variant_of") or content.get("name"))
        classes, templates = prompts_of(content["prompts"], known_as)
        published = {"classes": tuple(classes.values()), "templates": templates}
        for field, value in published.items():
            if field in content and tuple(content[field]) != value:
                raise ValueError(
                    f"{field}: are not those of the set '{content['prompts']}'; remove them, or "
                    f"prompts"
                )
        return {"labels": tuple(classes), **content, **published}

    @property
    def duplicates_policy(self) -> DuplicatesPolicy:
        """`on_duplicates`, or its default."""
        if self.on_duplicates is not None:
            return self.on_duplicates
        return "report" if self.splits or self.samples else "error"

    @property
    def known_as(self) -> str:
        """What prompt sets call it."""
        return self.variant_of or self.name

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        for template in self.templates:
            if fields_of(template) != [""]:
                raise ValueError(
                    f"templates: got '{template}'; each template holds {{}} once, where the class "
                    f"name goes, and no other field"
                )
        if self.labels and len(self.labels) != len(self.classes):
            raise ValueError(
                f"labels: got {len(self.labels)} for {len(self.classes)} classes; give one label a "
                f"class"
            )
        for name in set(self.labels):
            if self.labels.count(name) > 1:
                raise ValueError(
                    f"labels: '{name}' stands twice; give each class a label of its own"
                )
        if not all(name.strip() for name in (*self.classes, *self.labels)):
            raise ValueError("classes: one has no name; give each class one")
        twice = sorted({name for name in self.classes if self.classes.count(name) > 1})
        if twice:
            raise ValueError(
                f"classes: '{twice[0]}' stands twice; give each class a name of its own"
            )
        return self


def localised(content: Any, *, base: Path, declared: bool = False) -> Any:
    """A dataset table of a user's file with its paths made absolute and its class names read,
    before validation.

    `declared`: it is laid over a declaration of the suite, which has the class names.

    Raises:
        ValueError: a path does not exist or a file of names is no JSON list of strings.
    """
    if not isinstance(content, dict):
        return content
    content = dict(content)
    for key in ("labels", "classes"):
        if isinstance(content.get(key), str):
            content[key] = _read_names(key, base / content[key], content[key])
    if isinstance(content.get("captions"), str):
        content["captions"] = _existing("captions", content["captions"], base)
    if not isinstance(content.get("source"), dict):
        return content
    source = dict(content["source"])
    for key in SOURCE_PATHS:
        if isinstance(source.get(key), str):
            source[key] = _existing(f"source.{key}", source[key], base)
        elif isinstance(source.get(key), dict):
            source[key] = {
                name: _existing(f"source.{key}.{name}", path, base)
                for name, path in source[key].items()
            }
    if not declared and "classes" not in content:
        found = _found_classes(source)
        if found:
            content["classes"] = found
    return {**content, "source": source}


def _found_classes(source: dict[str, Any]) -> tuple[str, ...]:
    """The names of the classes that the data say themselves; none where they do not."""
    # Readers stand on declarations; only for data of the user's own one of them is asked here.
    from clvl_bench.data.readers.stated_classes import KINDS, stated_classes

    if source.get("kind") == "folder" and isinstance(source.get("path"), Path):
        return folder_classes(source["path"])
    if source.get("kind") in KINDS:
        return stated_classes("source", source)
    return ()


def anchored(content: Any, *, base: Path) -> Any:
    """A dataset table with its relative paths as absolute ones that count from `base`; whether they
    exist is left to `localised`.
    """
    if not isinstance(content, dict):
        return content
    moved = dict(content)
    for key in ("labels", "classes", "captions"):
        if isinstance(content.get(key), str):
            moved[key] = _absolute(content[key], base)
    if isinstance(content.get("source"), dict):
        source = dict(content["source"])
        for key in SOURCE_PATHS:
            if key in source:
                source[key] = _absolute(source[key], base)
        moved["source"] = source
    return moved


def _absolute(path: Any, base: Path) -> Any:
    """A path of a file, or one for each split, from `base`."""
    if isinstance(path, dict):
        return {name: _absolute(each, base) for name, each in path.items()}
    return str(base / path) if isinstance(path, str) else path


def folder_classes(path: Path) -> tuple[str, ...]:
    """The class folders of an image folder, sorted: those of its train split where it has one."""
    top = path / "train" if is_split_folder(path / "train") else path
    folders = [path for path in top.iterdir() if path.is_dir()]
    names = sorted(folder.name for folder in folders if not folder.name.startswith("."))
    for name in names:
        if not name.isprintable():
            raise ValueError(
                f"source.path: the folder {name!r} has a name that cannot be shown; rename it, or "
                f"declare classes and labels"
            )
    return tuple(names)


def is_split_folder(path: Path) -> bool:
    """Whether a folder called like a split holds class folders. One that does not is a class: of
    `bus`, `car` and `train`, say.
    """
    if not path.is_dir():
        return False
    return any(child.is_dir() and not child.name.startswith(".") for child in path.iterdir())


def _existing(key: str, written: Any, base: Path) -> Path:
    path = base / expanded(str(written))
    if not exists(path):
        raise ValueError(
            f"{key}: '{written}' does not exist; paths count from the file's own folder"
        )
    return path.resolve()


def _read_names(key: str, path: Path, shown: str) -> tuple[str, ...]:
    try:
        names = read_json(path)
    except FileNotFoundError:
        raise ValueError(
            f"{key}: '{shown}' does not exist; paths count from the file's own folder"
        ) from None
    except OSError as error:
        raise ValueError(f"{key}: '{shown}' cannot be read ({error.strerror})") from None
    except ValueError:
        raise ValueError(f"{key}: '{shown}' is not JSON; give a list of class names") from None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{key}: '{shown}' holds no list of strings; give a list of class names")
    return tuple(names)

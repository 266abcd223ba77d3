"""Declaration: what must be known about a dataset before anything of it is read.

Class names, prompt templates, splits and revision decide a zero-shot number as much as the model does, so they are data
with a version. A declaration knows nothing of continual learning.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from clvl_bench.strict import Strict

DamagePolicy = Literal["error", "skip"]
"""What to do about images that cannot be decoded: stop, or leave them out and say so in the record."""

Domain = Literal["toy", "satellite", "medical", "general", "unknown"]


class HubSource(Strict):
    """Parquet files of a dataset repository on the hub, at one commit; `files` maps a split to a glob pattern."""

    kind: Literal["hub"] = "hub"
    repository: str
    revision: str = Field(pattern="^[0-9a-f]{40}$")
    files: dict[str, str]
    image: str = "image"
    label: str = "label"
    on_damage: DamagePolicy = "error"


class ToyPart(Strict):
    """A part of a toy world, how many of its pictures, and the sha256 of their bytes and labels."""

    part: str
    count: int
    sha256: str


class ToySource(Strict):
    """Pictures painted by the project's own generator."""

    kind: Literal["toy"] = "toy"
    world: str
    parts: dict[str, ToyPart]


class FolderSource(Strict):
    """Images in class folders: `train/Class/*.jpg` and `test/Class/*.jpg`, or `Class/*.jpg` with a share for testing."""

    kind: Literal["folder"] = "folder"
    path: Path
    test_fraction: float | None = Field(None, gt=0, lt=1)
    split_seed: int = 0
    on_damage: DamagePolicy = "error"


class ArraysSource(Strict):
    """A .npz file; `splits` maps a split to the names of its images (uint8 [n, height, width, 3]) and labels [n]."""

    kind: Literal["arrays"] = "arrays"
    path: Path
    splits: dict[str, tuple[str, str]]


class FeaturesSource(Strict):
    """Precomputed image features of one backbone in a .npz file, and its text feature of each class in a .npy file.

    `splits` maps a split to one or more pairs of names (features [n, width], labels [n]), joined in this order.
    Without `text` there is no zero-shot row.
    """

    kind: Literal["features"] = "features"
    path: Path
    splits: dict[str, tuple[tuple[str, str], ...]]
    text: Path | None = None
    backbone: str
    logit_scale: float = Field(100.0, gt=0)


Source = Annotated[HubSource | ToySource | FolderSource | ArraysSource | FeaturesSource, Field(discriminator="kind")]


class ImageDataset(Strict):
    """An image classification dataset.

    `labels` are the names in the data, in the order of the label numbers; `classes` the names in prompts, in the same
    order. In a file, `classes` may be a list, a table from label to name, or the path of a JSON list; for a folder it may
    be left out. `splits` are the published sizes: data of another size are refused.
    """

    name: str = ""
    title: str = ""
    version: int = 1
    domain: Domain = "unknown"
    source: Source
    labels: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    templates: tuple[str, ...] = Field(("a photo of a {}.",), min_length=1)
    splits: dict[str, int] = {}
    licence: str = "not stated"
    citation: str = ""

    @model_validator(mode="before")
    @classmethod
    def _classes_as_table(cls, content: Any) -> Any:
        if isinstance(content, dict) and isinstance(content.get("classes"), dict):
            table = content["classes"]
            return {**content, "labels": tuple(table), "classes": tuple(table.values())}
        return content

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        for template in self.templates:
            if template.count("{}") != 1:
                raise ValueError(f"templates: got '{template}'; each template holds {{}} once, where the class name goes")
        if self.labels and len(self.labels) != len(self.classes):
            raise ValueError(f"labels: got {len(self.labels)} for {len(self.classes)} classes; give one label a class")
        twice = sorted({name for name in self.classes if self.classes.count(name) > 1})
        if twice:
            raise ValueError(f"classes: '{twice[0]}' stands twice; give each class a name of its own")
        return self


def localised(content: Any, *, base: Path) -> Any:
    """A dataset table of a user's file with its paths made absolute and its class names read, before validation.

    Raises:
        ValueError: a path does not exist or a file of names is no JSON list of strings.
    """
    if not isinstance(content, dict) or not isinstance(content.get("source"), dict):
        return content
    source = dict(content["source"])
    for key in ("path", "text"):
        if isinstance(source.get(key), str):
            path = (base / source[key]).expanduser()
            if not path.exists():
                raise ValueError(f"source.{key}: '{source[key]}' does not exist; paths count from the file's own folder")
            source[key] = path.resolve()
    content = {**content, "source": source}
    if isinstance(content.get("classes"), str):
        content["classes"] = _read_names(base / content["classes"], content["classes"])
    if "classes" not in content and source.get("kind") == "folder" and isinstance(source.get("path"), Path):
        content["classes"] = folder_classes(source["path"])
    return content


def folder_classes(path: Path) -> tuple[str, ...]:
    """The class folders of an image folder, sorted: those of its train split where it has one."""
    top = path / "train" if (path / "train").is_dir() else path
    return tuple(sorted(folder.name for folder in top.iterdir() if folder.is_dir() and not folder.name.startswith(".")))


def _read_names(path: Path, shown: str) -> tuple[str, ...]:
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"classes: '{shown}' does not exist; paths count from the file's own folder") from None
    except ValueError:
        raise ValueError(f"classes: '{shown}' is not JSON; give a list of class names") from None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"classes: '{shown}' holds no list of strings; give a list of class names")
    return tuple(names)

"""Sources: where the samples of a dataset lie, in which layout. The reader named after a source's
`kind` reads it.
"""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from clvl_bench.core.schema import Schema, Since

DamagePolicy = Literal["error", "skip"]
"""What to do about images that cannot be decoded: stop, or leave them out and say so in the
record."""


Share = Annotated[float, Field(ge=0, le=1)]


class _Tables(Schema):
    """Tables with a row an image; `files` maps a split to a glob pattern. A cell of `image` holds
    an encoded image, bare or as `bytes`, or the path of one inside the dataset's folder.
    """

    files: dict[str, str]
    image: str = "image"
    label: str = "label"
    on_damage: DamagePolicy = "error"


def pinned(revision: str) -> str:
    """A commit, since branches and tags move.

    Raises:
        ValueError: it is something else.
    """
    if not re.fullmatch("[0-9a-f]{40}", revision):
        raise ValueError(
            f"got '{revision}'; give the commit, 40 digits of 0 to 9 and a to f, as the hub shows "
            f"it under 'Files and versions': branches and tags move"
        )
    return revision


Commit = Annotated[str, AfterValidator(pinned)]
HUB_SPLITS = {"train": "train", "valid": "validation", "test": "test"}


class HubSource(_Tables):
    """A dataset repository on the hub, at one commit: its parquet files by pattern, or without
    `files` what its card says. `configuration` is one of the card's, where it has several, and
    `splits` maps a split to what the repository calls it.
    """

    kind: Literal["hub"] = "hub"
    repository: str
    revision: Commit
    files: dict[str, str] = {}
    configuration: Annotated[str | None, Since(before=None)] = None
    splits: Annotated[dict[str, str], Since(before=HUB_SPLITS)] = HUB_SPLITS


class ParquetSource(_Tables):
    """Parquet files in a folder of one's own."""

    kind: Literal["parquet"] = "parquet"
    path: Path


class TableSource(_Tables):
    """Tables in a folder of one's own: CSV, JSON (a list of rows), JSON lines, or parquet. Paths of
    images count from it.
    """

    kind: Literal["table"] = "table"
    path: Path


class ToyPart(Schema):
    """A part of a toy world, how many of its pictures, and the sha256 of their bytes and labels."""

    part: str
    count: int
    sha256: str


class ToySource(Schema):
    """Pictures painted by the project's own generator."""

    kind: Literal["toy"] = "toy"
    world: str
    parts: dict[str, ToyPart]


class Rendering(Schema):
    """How values of more than 8 bits become pixels: the value that becomes white (255), and of many
    bands the three that become RGB, counted from 1. Without bands it is for grey images.
    """

    bands: tuple[int, int, int] | None = None
    white: float = Field(gt=0)


class FolderSource(Schema):
    """Images in class folders: `train/Class/*.jpg` and `test/Class/*.jpg`, or `Class/*.jpg` and a
    rule for splitting.

    The rule is a share for testing, or `split_file`: the path of a JSON file in CoOp's layout, or a
    table from split to the path of a text file with one file name a line, alone or followed by the
    number of its class. The share is drawn from
    each class by content, or over all files in the order of their names as
    `torch.utils.data.random_split` draws (what ZSCL did, with the seed 42). `split_sha256` pins the
    text files of a split. `folders` says what the folders of splits are called, where it is not
    `train` and `test`: it maps a split to its folder. `render` is for files of many bands, or
    of more than 8 bits.
    """

    kind: Literal["folder"] = "folder"
    path: Path
    test_fraction: float | None = Field(None, gt=0, lt=1)
    split_seed: int = 0
    split_draw: Literal["each_class", "random_split"] = "each_class"
    split_file: Path | dict[str, Path] | None = None
    split_sha256: dict[str, str] = {}
    folders: Annotated[dict[str, str], Since(before={})] = {}
    render: Rendering | None = None
    on_damage: DamagePolicy = "error"

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if self.split_file is not None and self.test_fraction is not None:
            raise ValueError("split_file: stands beside test_fraction; keep one of them")
        if self.split_draw != "each_class" and self.test_fraction is None:
            raise ValueError(
                "split_draw: says how test_fraction is drawn; set test_fraction, or remove it"
            )
        if self.split_draw == "random_split" and self.on_damage == "skip":
            raise ValueError(
                "on_damage: random_split counts files, and a skipped one would shift the split; "
                'set "error"'
            )
        return self


class ArraysSource(Schema):
    """A .npz file; `splits` maps a split to the names of its images (uint8, RGB [n, height, width,
    3] or grey [n, height, width]) and labels [n] or [n, 1].

    `md5` is what the publishers say of each file that they offer, by a name of theirs for it (as
    the size of its images): a file that is none of them is refused.
    """

    kind: Literal["arrays"] = "arrays"
    path: Path
    splits: dict[str, tuple[str, str]]
    md5: Annotated[dict[str, str], Since(before={})] = {}


class FeaturesSource(Schema):
    """Precomputed image features of one backbone in a .npz file, and its text feature of each class
    in a .npy file.

    `splits` maps a split to one or more pairs of names (features [n, width], labels [n]), joined in
    this order. Without `text` there is no zero-shot row.
    """

    kind: Literal["features"] = "features"
    path: Path
    splits: dict[str, tuple[tuple[str, str], ...]]
    text: Path | None = None
    backbone: str
    logit_scale: float = Field(100.0, gt=0)

    @property
    def backbones(self) -> tuple[str, ...]:
        """Whose features they are."""
        return (self.backbone,)


class BackboneFeaturesSource(Schema):
    """What several frozen backbones say of the same samples, in a folder: `labels` [n] in a .npy
    file, and a .npz file for each backbone with `images` [n, width] and `texts` [templates,
    classes, width], in one order of samples.

    `files` maps a backbone to its file. `texts` names the prompt set whose templates the texts were
    made with, in its order. `splits` maps a split to a part of each class, from a share to a share
    of its samples in an order that is drawn by `split_seed` and the samples' numbers alone, so that
    it is the same for every backbone. `sha256` pins the arrays of a backbone, labels included.
    """

    kind: Literal["backbone_features"] = "backbone_features"
    path: Path
    files: dict[str, str] = Field(min_length=1)
    labels: str = "labels.npy"
    texts: str
    splits: dict[str, tuple[Share, Share]]
    split_seed: int = 0
    sha256: dict[str, str] = {}
    logit_scale: float = Field(100.0, gt=0)

    @property
    def backbones(self) -> tuple[str, ...]:
        """Whose features there are."""
        return tuple(self.files)

    @model_validator(mode="after")
    def _parts_hold_something(self) -> Self:
        for start, stop in self.splits.values():
            if start >= stop:
                raise ValueError(
                    f"splits: got a part from {start} to {stop}; write the smaller share first"
                )
        return self


class GeobenchSource(Schema):
    """GEO-Bench V1 in shards (`shard_*.tar`, `default_partition.json`), without pickles: the three
    `bands` that become RGB, by their names, and the value that becomes white.
    """

    kind: Literal["geobench"] = "geobench"
    path: Path
    bands: tuple[str, str, str]
    white: float = Field(gt=0)


PrecomputedSource = FeaturesSource | BackboneFeaturesSource
"""What brings features in the place of images."""


class OwnCopySource(Schema):
    """A dataset that the user brings: no commit of it is pinned here, so there is nothing to fetch.

    `like` is the published layout; a benchmark file names the copy in the same words.
    """

    kind: Literal["own_copy"] = "own_copy"
    like: ParquetSource | FolderSource | ArraysSource | BackboneFeaturesSource | GeobenchSource = (
        Field(discriminator="kind")
    )


Source = Annotated[
    HubSource
    | ParquetSource
    | TableSource
    | ToySource
    | FolderSource
    | ArraysSource
    | FeaturesSource
    | BackboneFeaturesSource
    | GeobenchSource
    | OwnCopySource,
    Field(discriminator="kind"),
]

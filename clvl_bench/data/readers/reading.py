"""Readers: any layout on disk -> a `Split`. The module named after a source's `kind` reads it."""

from importlib import import_module

from clvl_bench.core.errors import Damage
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import HubSource, OwnCopySource
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.catalog.vqa_sources import QuestionHubSource
from clvl_bench.data.readers.hub import snapshot
from clvl_bench.data.readers.split import Features, Split


def read_split(dataset: ImageDataset, split: str) -> Split:
    """One split of a dataset, in canonical order.

    Raises:
        Missing: it is not on this machine.
        Mistake: the declaration does not fit the files.
        Damage: files cannot be read, or their number is not the published one.
    """
    reader = import_module(f"clvl_bench.data.readers.{dataset.source.kind}")
    data: Split = reader.read(dataset, split)
    published = dataset.splits.get(split)
    if published is not None and len(data) + data.skipped != published:
        raise Damage(
            f"{dataset.name}: its split {split} has {len(data) + data.skipped} samples, published "
            f"are {published}; where yours is another split on purpose, set splits = {{}} in "
            f"[dataset.{dataset.name}]"
        )
    return data


def read_text(dataset: ImageDataset, backbone: str) -> Features | None:
    """The text features [templates, classes, width] that a backbone gave, of a dataset of
    precomputed features; None where it gave none.

    Raises:
        Mistake: they do not fit the classes or the templates.
        Damage: the file cannot be read.
    """
    reader = import_module(f"clvl_bench.data.readers.{dataset.source.kind}")
    rows: Features | None = reader.read_text(dataset, backbone)
    return rows


def is_here(dataset: ImageDataset | VqaDataset) -> bool:
    """Whether a declared dataset can be read on this machine: toys always, those of the hub once
    fetched, own copies once they are named.
    """
    if isinstance(dataset, VqaDataset):
        if isinstance(dataset.source, QuestionHubSource):
            return snapshot(dataset.source).is_dir()
        return getattr(dataset.source, "path", dataset) is not None
    if isinstance(dataset.source, HubSource):
        folder = snapshot(dataset.source)
        if not dataset.source.files:
            return folder.is_dir()
        return all(any(folder.glob(pattern)) for pattern in dataset.source.files.values())
    return not isinstance(dataset.source, OwnCopySource)

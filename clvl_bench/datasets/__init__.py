"""Datasets: declarations, one file each, and the tuple that lists them."""

from clvl_bench.datasets.candidate import Candidate
from clvl_bench.datasets.cifar import CIFAR10, CIFAR100
from clvl_bench.datasets.declaration import (
    ArraysSource,
    FeaturesSource,
    FolderSource,
    HubSource,
    ImageDataset,
    Source,
    ToyPart,
    ToySource,
    localised,
)
from clvl_bench.datasets.eurosat import EUROSAT
from clvl_bench.datasets.resisc45 import RESISC45
from clvl_bench.datasets.toy import TOYS
from clvl_bench.errors import Mistake, unknown

DATASETS: tuple[ImageDataset, ...] = (*TOYS, EUROSAT, RESISC45, CIFAR10, CIFAR100)


def find(name: str) -> ImageDataset:
    """The declaration of that name.

    Raises:
        Mistake: nobody has declared it; names a near match.
    """
    for dataset in DATASETS:
        if dataset.name == name:
            return dataset
    raise Mistake(unknown("dataset", name, (dataset.name for dataset in DATASETS)))


__all__ = [
    "DATASETS", "ArraysSource", "Candidate", "FeaturesSource", "FolderSource", "HubSource", "ImageDataset", "Source", "ToyPart",
    "ToySource", "find", "localised",
]  # fmt: skip

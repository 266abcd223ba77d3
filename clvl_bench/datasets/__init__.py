"""Datasets: declarations, one file each or one a family, and the tuple that lists them."""

from clvl_bench.datasets.candidate import Candidate
from clvl_bench.datasets.cifar import CIFAR10, CIFAR100
from clvl_bench.datasets.declaration import ImageDataset, localised
from clvl_bench.datasets.eurosat import EUROSATS
from clvl_bench.datasets.general import GENERAL
from clvl_bench.datasets.isic import ISIC
from clvl_bench.datasets.medmnist import MEDMNIST
from clvl_bench.datasets.overlay import overlaid
from clvl_bench.datasets.prompts import aliases, prompts_of
from clvl_bench.datasets.resisc45 import RESISC45
from clvl_bench.datasets.scenes import SCENES
from clvl_bench.datasets.sources import (
    ArraysSource,
    FeaturesSource,
    FolderSource,
    HubSource,
    OwnCopySource,
    ParquetSource,
    Rendering,
    Source,
    ToyPart,
    ToySource,
)
from clvl_bench.datasets.toy import TOYS
from clvl_bench.errors import Mistake, unknown

DATASETS: tuple[ImageDataset, ...] = (*TOYS, *EUROSATS, RESISC45, *SCENES, *MEDMNIST, *ISIC, CIFAR10, CIFAR100, *GENERAL)
NAMES: tuple[str, ...] = tuple(dataset.name for dataset in DATASETS)


def find(name: str) -> ImageDataset:
    """The declaration of that name.

    Raises:
        Mistake: nobody has declared it; names a near match.
    """
    for dataset in DATASETS:
        if dataset.name == name:
            return dataset
    raise Mistake(unknown("dataset", name, NAMES))


__all__ = [
    "DATASETS", "NAMES", "ArraysSource", "Candidate", "FeaturesSource", "FolderSource", "HubSource", "ImageDataset",
    "OwnCopySource", "ParquetSource", "Rendering", "Source", "ToyPart", "ToySource", "aliases", "find", "localised", "overlaid",
    "prompts_of",
]  # fmt: skip

"""Datasets: declarations, one file each or one a family, and the tuple that lists them."""

from typing import get_args

from clvl_bench.datasets.candidate import Candidate
from clvl_bench.datasets.cifar import CIFAR10, CIFAR100
from clvl_bench.datasets.declaration import ImageDataset, localised
from clvl_bench.datasets.eurosat import EUROSATS
from clvl_bench.datasets.general import GENERAL
from clvl_bench.datasets.isic import ISIC
from clvl_bench.datasets.medical_questions import MEDICAL_QUESTIONS
from clvl_bench.datasets.medmnist import MEDMNIST
from clvl_bench.datasets.normalisers import NORMALISERS
from clvl_bench.datasets.overlay import overlaid
from clvl_bench.datasets.prompts import aliases, prompts_of
from clvl_bench.datasets.resisc45 import RESISC45
from clvl_bench.datasets.satellite_questions import SATELLITE_QUESTIONS
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
from clvl_bench.datasets.toy_questions import TOY_QUESTIONS
from clvl_bench.datasets.vqa import VqaDataset, overlaid_questions
from clvl_bench.datasets.vqa_sources import (
    QuestionParquetSource,
    RsivqaSource,
    RsvqaSource,
    SlakeSource,
    ToyQuestionsSource,
    VqaMedSource,
    VqaRadSource,
    VqaSource,
)
from clvl_bench.errors import Mistake, unknown

DATASETS: tuple[ImageDataset, ...] = (*TOYS, *EUROSATS, RESISC45, *SCENES, *MEDMNIST, *ISIC, CIFAR10, CIFAR100, *GENERAL)
QUESTIONS: tuple[VqaDataset, ...] = (*TOY_QUESTIONS, *MEDICAL_QUESTIONS, *SATELLITE_QUESTIONS)
QUESTION_NAMES: tuple[str, ...] = tuple(dataset.name for dataset in QUESTIONS)
QUESTION_KINDS: tuple[str, ...] = tuple(kind.model_fields["kind"].default for kind in get_args(get_args(VqaSource)[0]))
"""The kinds of sources of questions."""
NAMES: tuple[str, ...] = (*(dataset.name for dataset in DATASETS), *QUESTION_NAMES)


def find(name: str) -> ImageDataset:
    """The declaration of that name.

    Raises:
        Mistake: nobody has declared it; names a near match.
    """
    for dataset in DATASETS:
        if dataset.name == name:
            return dataset
    raise Mistake(unknown("dataset", name, NAMES, listed="clvl-bench list datasets"))


def find_questions(name: str) -> VqaDataset:
    """The declaration of questions of that name.

    Raises:
        Mistake: nobody has declared it; names a near match.
    """
    for dataset in QUESTIONS:
        if dataset.name == name:
            return dataset
    raise Mistake(unknown("dataset of questions", name, QUESTION_NAMES))


__all__ = [
    "DATASETS", "NAMES", "NORMALISERS", "QUESTIONS", "QUESTION_KINDS", "QUESTION_NAMES", "ArraysSource", "Candidate",
    "FeaturesSource", "FolderSource", "HubSource", "ImageDataset", "OwnCopySource", "ParquetSource", "QuestionParquetSource",
    "Rendering", "RsivqaSource", "RsvqaSource", "SlakeSource", "Source", "ToyPart", "ToyQuestionsSource", "ToySource",
    "VqaDataset", "VqaMedSource", "VqaRadSource", "VqaSource", "aliases", "find", "find_questions", "localised", "overlaid",
    "overlaid_questions", "prompts_of",
]  # fmt: skip

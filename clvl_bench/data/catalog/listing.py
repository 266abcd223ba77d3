"""Datasets: declarations, one file each or one a family, and the tuple that lists them."""

from typing import get_args

from clvl_bench.core.errors import Mistake, unknown
from clvl_bench.data.catalog.cifar import CIFAR10, CIFAR100
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.domains import DOMAINS
from clvl_bench.data.catalog.eurosat import EUROSATS
from clvl_bench.data.catalog.general import GENERAL
from clvl_bench.data.catalog.geobench import GEOBENCH
from clvl_bench.data.catalog.isic import ISIC
from clvl_bench.data.catalog.medical_questions import MEDICAL_QUESTIONS
from clvl_bench.data.catalog.medmnist import MEDMNIST
from clvl_bench.data.catalog.patch_camelyon import PATCH_CAMELYON
from clvl_bench.data.catalog.proof import PROOF
from clvl_bench.data.catalog.resisc45 import RESISC45
from clvl_bench.data.catalog.satellite_questions import SATELLITE_QUESTIONS
from clvl_bench.data.catalog.scenes import SCENES
from clvl_bench.data.catalog.toy import TOYS
from clvl_bench.data.catalog.toy_questions import TOY_QUESTIONS
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.catalog.vqa_sources import VqaSource
from clvl_bench.data.catalog.whu_rs19 import WHU_RS19S

DATASETS: tuple[ImageDataset, ...] = (
    *TOYS,
    *EUROSATS,
    RESISC45,
    *SCENES,
    *WHU_RS19S,
    *GEOBENCH,
    *MEDMNIST,
    *ISIC,
    PATCH_CAMELYON,
    CIFAR10,
    CIFAR100,
    *GENERAL,
    *PROOF,
    *DOMAINS,
)
QUESTIONS: tuple[VqaDataset, ...] = (*TOY_QUESTIONS, *MEDICAL_QUESTIONS, *SATELLITE_QUESTIONS)
QUESTION_NAMES: tuple[str, ...] = tuple(dataset.name for dataset in QUESTIONS)
QUESTION_KINDS: tuple[str, ...] = tuple(
    kind.model_fields["kind"].default for kind in get_args(get_args(VqaSource)[0])
)
"""The kinds of sources of questions."""
NAMES: tuple[str, ...] = (*(dataset.name for dataset in DATASETS), *QUESTION_NAMES)


def find(name: str) -> ImageDataset:
    """The declaration of that name.

    Raises:
        Mistake: it is not declared; names a near match.
    """
    for dataset in DATASETS:
        if dataset.name == name:
            return dataset
    raise Mistake(unknown("dataset", name, NAMES, listed="clvl-bench list datasets"))


def find_questions(name: str) -> VqaDataset:
    """The declaration of questions of that name.

    Raises:
        Mistake: it is not declared; names a near match.
    """
    for dataset in QUESTIONS:
        if dataset.name == name:
            return dataset
    raise Mistake(unknown("dataset of questions", name, QUESTION_NAMES))

"""Medical questions: VQA-RAD, SLAKE, PathVQA, VQA-Med 2019."""

from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.catalog.vqa_sources import (
    QuestionParquetSource,
    SlakeSource,
    VqaMedSource,
    VqaRadSource,
)

RAD_TYPES = (
    "MODALITY",
    "PLANE",
    "ORGAN",
    "PRES",
    "ABN",
    "POS",
    "ATTRIB",
    "SIZE",
    "COLOR",
    "COUNT",
    "OTHER",
)

# `official` is the release's own phrase_type. `frames` adds each question's framed form as a
# training row of its own: 1,797 + 1,267 = 3,064, which is how the MEVF line of papers counts; 284
# of the 1,267 are forms of test questions, with their answers. `frames_train` adds those of
# training questions alone. `image_disjoint` deals whole images, drawn by content.
VQA_RAD = VqaDataset(
    name="vqa_rad",
    title="VQA-RAD",
    domain="medical",
    source=VqaRadSource(),
    partitions={
        "official": {"train": 1797, "test": 451},
        "frames": {"train": 3064, "test": 451},
        "frames_train": {"train": 2780, "test": 451},
        "image_disjoint": {"train": 1802, "test": 446},
    },
    images={"train": 313, "test": 203},
    values={"type": RAD_TYPES, "organ": ("HEAD", "CHEST", "ABD")},
    normaliser="med",
    answer_list="radiology",
    licence="CC0 1.0",
    citation="Lau et al. 2018, A dataset of clinically generated visual questions and answers "
    "about radiology images "
    "(Scientific Data 5:180251)",
    download_mb=35.0,
)

_SLAKE_TYPES = (
    "Modality",
    "Plane",
    "Organ",
    "Position",
    "Abnormality",
    "Shape",
    "Size",
    "Color",
    "Quantity",
    "KG",
)


def _slake(name: str, title: str, source: SlakeSource, train: int, test: int) -> VqaDataset:
    return VqaDataset(
        name=name,
        title=title,
        domain="medical",
        source=source,
        partitions={"official": {"train": train, "test": test}},
        # The release's `location` is a free text: its values are those of the data.
        values={"type": _SLAKE_TYPES, "organ": (), "modality": ("MRI", "CT", "X-Ray")},
        normaliser="med",
        answer_list="radiology",
        licence="CC BY 4.0",
        citation="Liu et al. 2021, SLAKE: a semantically-labeled knowledge-enhanced dataset for "
        "medical visual question "
        "answering (ISBI; arXiv:2102.09542)",
        download_mb=212.0,
    )


SLAKE = _slake("slake", "SLAKE (English)", SlakeSource(), 4919, 1061)
SLAKE_BILINGUAL = _slake(
    "slake_bilingual", "SLAKE (English and Chinese)", SlakeSource(language="all"), 9835, 2094
)

# The published pickles are not read: nothing of a dataset is executed. The hub's parquet files hold
# the deduplicated set.
PATH_VQA = VqaDataset(
    name="path_vqa",
    title="PathVQA",
    domain="medical",
    source=QuestionParquetSource(),
    partitions={"official": {"train": 19654, "test": 6719}},
    normaliser="med",
    licence="MIT by its card; images are from textbooks",
    citation="He et al. 2020, PathVQA: 30000+ questions for medical visual question answering "
    "(arXiv:2003.10286)",
    download_mb=785.0,
)

VQA_MED_2019 = VqaDataset(
    name="vqa_med_2019",
    title="VQA-Med 2019",
    domain="medical",
    source=VqaMedSource(),
    partitions={"official": {"train": 12792, "test": 500}},
    values={"type": ("modality", "plane", "organ", "abnormality")},
    normaliser="med",
    answer_list="radiology",
    licence="not stated",
    citation="Ben Abacha et al. 2019, VQA-Med: overview of the medical visual question answering "
    "task at ImageCLEF 2019",
)

MEDICAL_QUESTIONS = (VQA_RAD, SLAKE, SLAKE_BILINGUAL, PATH_VQA, VQA_MED_2019)

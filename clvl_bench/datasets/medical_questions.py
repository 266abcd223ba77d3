"""Medical questions: VQA-RAD."""

from clvl_bench.datasets.vqa import VqaDataset
from clvl_bench.datasets.vqa_sources import VqaRadSource

RAD_TYPES = (
    "MODALITY", "PLANE", "ORGAN", "PRES", "ABN", "POS", "ATTRIB", "SIZE", "COLOR", "COUNT", "OTHER",
)  # fmt: skip

# `official` is the release's own phrase_type. `frames` adds each question's framed form as a training row of its own: 1,797 +
# 1,267 = 3,064, which is how the MEVF line of papers counts; 284 of the 1,267 are forms of test questions, with their answers.
# `frames_train` adds those of training questions alone. `image_disjoint` deals whole images, drawn by content.
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
    values={"type": RAD_TYPES, "organ": ("HEAD", "CHEST", "ABD")},
    normaliser="med",
    answer_list="radiology",
    licence="CC0 1.0",
    citation="Lau et al. 2018, A dataset of clinically generated visual questions and answers about radiology images "
    "(Scientific Data 5:180251)",
    download_mb=35.0,
)

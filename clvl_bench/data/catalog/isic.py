"""ISIC 2018 (task 3) and 2019: dermoscopic images of skin lesions, from the challenges' training
sets.

Published are a folder of pictures and a one-hot table in CSV. A copy is used with its pictures
sorted into folders named by the table's columns. The test labels of 2019 are not public, and its
column UNK has no training picture: it is no class here. Which images of a patient belong together
is not in these tables, so a share drawn for testing may split a lesion. Class names are the
challenges' diagnoses; templates are this suite's own.
"""

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import FolderSource, OwnCopySource

_LESIONS = {
    "MEL": "melanoma",
    "NV": "melanocytic nevus",
    "BCC": "basal cell carcinoma",
    "AKIEC": "actinic keratosis",
    "BKL": "benign keratosis",
    "DF": "dermatofibroma",
    "VASC": "vascular lesion",
}
_LESIONS_2019 = {
    "MEL": "melanoma",
    "NV": "melanocytic nevus",
    "BCC": "basal cell carcinoma",
    "AK": "actinic keratosis",
    "BKL": "benign keratosis",
    "DF": "dermatofibroma",
    "VASC": "vascular lesion",
    "SCC": "squamous cell carcinoma",
}


def _isic(
    year: int, samples: int, classes: dict[str, str], citation: str, *, download_mb: float
) -> ImageDataset:
    return ImageDataset(
        name=f"isic{year}",
        title=f"ISIC {year}, training set",
        domain="medical",
        source=OwnCopySource(like=FolderSource(path=f"ISIC_{year}", test_fraction=0.2)),
        labels=tuple(classes),
        classes=tuple(classes.values()),
        templates=("a dermatoscopic image of a {}.", "a photo of a skin lesion, a {}."),
        samples=samples,
        download_mb=download_mb,
        licence="CC BY-NC 4.0",
        citation=citation,
    )


ISIC2018 = _isic(
    2018,
    10015,
    _LESIONS,
    "Codella et al. 2019 (arXiv:1902.03368); Tschandl et al. 2018, HAM10000",
    download_mb=2771,
)
ISIC2019 = _isic(
    2019,
    25331,
    _LESIONS_2019,
    "Tschandl et al. 2018, HAM10000; Codella et al. 2018; Hernández-Pérez et al. 2024, BCN20000",
    download_mb=9100,
)

ISIC = (ISIC2018, ISIC2019)

"""MedMNIST v2 (Yang et al. 2023): medical images of 28x28 pixels, in its .npz layout and its
published splits.

PneumoniaMNIST is grey; the others are RGB. The larger releases (64, 128, 224 pixels) have the same
names, labels and sizes. Labels are MedMNIST's words; class names that read as a caption, and
templates, are this suite's own: MedMNIST publishes none. For PathMNIST the prompt set `unimed` has
published ones.
"""

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import ArraysSource, OwnCopySource

_TEMPLATES = {
    "pathmnist": (
        "a histology image of {}.",
        "a microscope image of colorectal tissue showing {}.",
    ),
    "bloodmnist": ("a microscope image of a {}.", "a blood smear showing a {}."),
    "dermamnist": ("a dermatoscopic image of {}.", "a photo of a skin lesion, {}."),
    "pneumoniamnist": ("a chest x-ray of {}.", "a chest x-ray showing {}."),
}


def _medmnist(
    name: str,
    title: str,
    sizes: tuple[int, int, int],
    classes: dict[str, str],
    *,
    download_mb: float,
    licence: str = "CC BY 4.0",
) -> ImageDataset:
    splits = {split: (f"{array}_images", f"{array}_labels") for split, array in _ARRAYS.items()}
    return ImageDataset(
        name=name,
        title=title,
        domain="medical",
        source=OwnCopySource(like=ArraysSource(path=f"{name}.npz", splits=splits)),
        labels=tuple(classes),
        classes=tuple(classes.values()),
        templates=_TEMPLATES[name],
        splits=dict(zip(_ARRAYS, sizes, strict=True)),
        download_mb=download_mb,
        licence=licence,
        citation="Yang et al. 2023, MedMNIST v2 (Scientific Data 10; arXiv:2110.14795)",
    )


_ARRAYS = {"train": "train", "valid": "val", "test": "test"}

PATHMNIST = _medmnist(
    "pathmnist",
    "PathMNIST: colon pathology",
    (89996, 10004, 7180),
    {
        "adipose": "adipose tissue",
        "background": "background",
        "debris": "debris",
        "lymphocytes": "lymphocytes",
        "mucus": "mucus",
        "smooth muscle": "smooth muscle",
        "normal colon mucosa": "normal colon mucosa",
        "cancer-associated stroma": "cancer-associated stroma",
        "colorectal adenocarcinoma epithelium": "colorectal adenocarcinoma epithelium",
    },
    download_mb=206,
)

BLOODMNIST = _medmnist(
    "bloodmnist",
    "BloodMNIST: blood cells",
    (11959, 1712, 3421),
    {
        "basophil": "basophil",
        "eosinophil": "eosinophil",
        "erythroblast": "erythroblast",
        "immature granulocytes(myelocytes, metamyelocytes and promyelocytes)": "immature "
        "granulocyte",
        "lymphocyte": "lymphocyte",
        "monocyte": "monocyte",
        "neutrophil": "neutrophil",
        "platelet": "platelet",
    },
    download_mb=35,
)

DERMAMNIST = _medmnist(
    "dermamnist",
    "DermaMNIST: skin lesions",
    (7007, 1003, 2005),
    {
        "actinic keratoses and intraepithelial carcinoma": "actinic keratosis or intraepithelial "
        "carcinoma",
        "basal cell carcinoma": "basal cell carcinoma",
        "benign keratosis-like lesions": "benign keratosis-like lesion",
        "dermatofibroma": "dermatofibroma",
        "melanoma": "melanoma",
        "melanocytic nevi": "melanocytic nevus",
        "vascular lesions": "vascular lesion",
    },
    download_mb=20,
    licence="CC BY-NC 4.0",
)

PNEUMONIAMNIST = _medmnist(
    "pneumoniamnist",
    "PneumoniaMNIST: chest x-rays of children",
    (4708, 524, 624),
    {"normal": "healthy lungs", "pneumonia": "lungs with pneumonia"},
    download_mb=4,
)

MEDMNIST = (PATHMNIST, BLOODMNIST, DERMAMNIST, PNEUMONIAMNIST)

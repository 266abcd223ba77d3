"""MedMNIST v2 (Yang et al. 2023): medical images of 28x28 pixels, in its .npz layout and its
published splits; of the twelve two-dimensional sets all but ChestMNIST, whose images have several
labels each.

The larger releases (64, 128, 224 pixels) have the same names, labels and sizes, and a file of each
is known by its md5. Labels are MedMNIST's words; class names that read as a caption, and templates,
are this suite's own: MedMNIST publishes none. For PathMNIST the prompt set `unimed` has published
ones. MedMNIST scores area under the curve and accuracy.
"""

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.medmnist_md5 import MD5
from clvl_bench.data.catalog.sources import ArraysSource, OwnCopySource

_OF_ORGANS = ("an abdominal CT scan of the {}.", "a CT slice that shows the {}.")
_TEMPLATES = {
    "pathmnist": (
        "a histology image of {}.",
        "a microscope image of colorectal tissue showing {}.",
    ),
    "bloodmnist": ("a microscope image of a {}.", "a blood smear showing a {}."),
    "dermamnist": ("a dermatoscopic image of {}.", "a photo of a skin lesion, {}."),
    "pneumoniamnist": ("a chest x-ray of {}.", "a chest x-ray showing {}."),
    "octmnist": (
        "an optical coherence tomography scan of {}.",
        "an OCT scan of a retina showing {}.",
    ),
    "breastmnist": ("a breast ultrasound of {}.", "an ultrasound image showing {}."),
    "retinamnist": ("a fundus photograph of {}.", "a photo of a retina with {}."),
    "tissuemnist": (
        "a microscope image of {}.",
        "a fluorescence microscope image of a human kidney cell: {}.",
    ),
    "organamnist": _OF_ORGANS,
    "organcmnist": _OF_ORGANS,
    "organsmnist": _OF_ORGANS,
}


def _medmnist(
    name: str,
    title: str,
    sizes: tuple[int, int, int],
    classes: dict[str, str],
    *,
    download_mb: float | None = None,
    licence: str = "CC BY 4.0",
) -> ImageDataset:
    splits = {split: (f"{array}_images", f"{array}_labels") for split, array in _ARRAYS.items()}
    source = ArraysSource(path=f"{name}.npz", splits=splits, md5=MD5[name])
    return ImageDataset(
        name=name,
        title=title,
        domain="medical",
        source=OwnCopySource(like=source),
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

OCTMNIST = _medmnist(
    "octmnist",
    "OCTMNIST: optical coherence tomography of the retina",
    (97477, 10832, 1000),
    {
        "choroidal neovascularization": "choroidal neovascularization",
        "diabetic macular edema": "diabetic macular edema",
        "drusen": "drusen",
        "normal": "a healthy retina",
    },
)

BREASTMNIST = _medmnist(
    "breastmnist",
    "BreastMNIST: breast ultrasound",
    (546, 78, 156),
    {"malignant": "a malignant tumour", "normal, benign": "normal or benign tissue"},
)

# The labels are grades; names are those of the international clinical scale of five steps.
RETINAMNIST = _medmnist(
    "retinamnist",
    "RetinaMNIST: grades of diabetic retinopathy",
    (1080, 120, 400),
    {
        "0": "no diabetic retinopathy",
        "1": "mild diabetic retinopathy",
        "2": "moderate diabetic retinopathy",
        "3": "severe diabetic retinopathy",
        "4": "proliferative diabetic retinopathy",
    },
)

TISSUEMNIST = _medmnist(
    "tissuemnist",
    "TissueMNIST: kidney cortex cells",
    (165466, 23640, 47280),
    {
        "Collecting Duct, Connecting Tubule": "collecting duct or connecting tubule",
        "Distal Convoluted Tubule": "distal convoluted tubule",
        "Glomerular endothelial cells": "glomerular endothelial cells",
        "Interstitial endothelial cells": "interstitial endothelial cells",
        "Leukocytes": "leukocytes",
        "Podocytes": "podocytes",
        "Proximal Tubule Segments": "proximal tubule segments",
        "Thick Ascending Limb": "thick ascending limb",
    },
)

_ORGANS = {
    "bladder": "bladder",
    "femur-left": "left femur",
    "femur-right": "right femur",
    "heart": "heart",
    "kidney-left": "left kidney",
    "kidney-right": "right kidney",
    "liver": "liver",
    "lung-left": "left lung",
    "lung-right": "right lung",
    "pancreas": "pancreas",
    "spleen": "spleen",
}

ORGANAMNIST = _medmnist(
    "organamnist", "OrganAMNIST: abdominal CT, axial", (34561, 6491, 17778), _ORGANS
)
ORGANCMNIST = _medmnist(
    "organcmnist", "OrganCMNIST: abdominal CT, coronal", (12975, 2392, 8216), _ORGANS
)
ORGANSMNIST = _medmnist(
    "organsmnist", "OrganSMNIST: abdominal CT, sagittal", (13932, 2452, 8827), _ORGANS
)

MEDMNIST = (
    PATHMNIST,
    BLOODMNIST,
    DERMAMNIST,
    PNEUMONIAMNIST,
    OCTMNIST,
    BREASTMNIST,
    RETINAMNIST,
    TISSUEMNIST,
    ORGANAMNIST,
    ORGANCMNIST,
    ORGANSMNIST,
)

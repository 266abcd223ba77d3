"""General and fine-grained sets: those of MTIL (Zheng et al. 2023, arXiv:2303.06628) that are not
declared elsewhere, and ImageNet.

Class names and templates are CLIP's; label numbers count as the publishers count. Caltech101 is
MTIL's: 101 classes, both kinds of faces and no background; SUN397 has ten published partitions,
Caltech101 none, so no split of theirs is declared. ZSCL draws 20 % of EuroSAT, Caltech101 and
SUN397 for testing with the seed 42, over the files as torchvision lists them. That order is by name
for the first two, so that their draws can be made again; for SUN397 it is the file system's, and
cannot.
"""

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import ArraysSource, FolderSource, OwnCopySource, ParquetSource

_MNIST_ARRAYS = {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")}


def _parquet(*splits: str) -> ParquetSource:
    """What the hub's copies look like: `data/train-*.parquet`."""
    names = {"train": "train", "valid": "validation", "test": "test"}
    return ParquetSource(
        path="data", files={split: f"{names[split]}-*.parquet" for split in splits}
    )


AIRCRAFT = ImageDataset(
    name="aircraft",
    title="FGVC-Aircraft, 100 variants",
    domain="general",
    source=OwnCopySource(like=_parquet("train", "valid", "test")),
    prompts="openai",
    splits={"train": 3334, "valid": 3333, "test": 3333},
    download_mb=2750,
    licence="research, not commercial",
    citation="Maji et al. 2013 (arXiv:1306.5151)",
)

CALTECH101 = ImageDataset(
    name="caltech101",
    title="Caltech101",
    domain="general",
    source=OwnCopySource(
        like=FolderSource(path="101_ObjectCategories", split_file="split_zhou_Caltech101.json")
    ),
    prompts="openai",
    samples=8677,
    download_mb=137,
    licence="CC BY 4.0",
    citation="Fei-Fei et al. 2004, Learning generative visual models from few training examples",
)

CALTECH101_ZSCL = ImageDataset(
    name="caltech101_zscl",
    variant_of="caltech101",
    title="Caltech101, ZSCL's draw of 20 %",
    domain="general",
    source=OwnCopySource(
        like=FolderSource(
            path="101_ObjectCategories", test_fraction=0.2, split_seed=42, split_draw="random_split"
        )
    ),
    prompts="openai",
    splits={"train": 6941, "test": 1736},
    download_mb=137,
    licence="CC BY 4.0",
    citation="Fei-Fei et al. 2004; split: Zheng et al. 2023 (arXiv:2303.06628)",
)

DTD = ImageDataset(
    name="dtd",
    title="DTD: describable textures, split 1",
    domain="general",
    source=OwnCopySource(like=_parquet("train", "valid", "test")),
    prompts="openai",
    splits={"train": 1880, "valid": 1880, "test": 1880},
    download_mb=638,
    licence="research",
    citation="Cimpoi et al. 2014 (arXiv:1311.3618)",
)

FLOWERS102 = ImageDataset(
    name="flowers102",
    title="Oxford Flowers-102",
    domain="general",
    source=OwnCopySource(like=_parquet("train", "valid", "test")),
    prompts="openai",
    splits={"train": 1020, "valid": 1020, "test": 6149},
    download_mb=345,
    licence="not stated",
    citation="Nilsback and Zisserman 2008, Automated flower classification over a large number of "
    "classes",
)

FOOD101 = ImageDataset(
    name="food101",
    title="Food-101",
    domain="general",
    source=OwnCopySource(like=_parquet("train", "test")),
    prompts="openai",
    splits={"train": 75750, "test": 25250},
    download_mb=4990,
    licence="not stated",
    citation="Bossard et al. 2014, Food-101 (ECCV)",
)

MNIST = ImageDataset(
    name="mnist",
    title="MNIST",
    domain="general",
    source=OwnCopySource(like=ArraysSource(path="mnist.npz", splits=_MNIST_ARRAYS)),
    prompts="openai",
    splits={"train": 60000, "test": 10000},
    download_mb=12,
    licence="not stated",
    citation="LeCun et al. 1998, Gradient-based learning applied to document recognition",
)

OXFORD_PETS = ImageDataset(
    name="oxford_pets",
    title="Oxford-IIIT Pet",
    domain="general",
    source=OwnCopySource(like=_parquet("train", "test")),
    prompts="openai",
    splits={"train": 3680, "test": 3669},
    download_mb=811,
    licence="CC BY-SA 4.0",
    citation="Parkhi et al. 2012, Cats and dogs (CVPR)",
)

STANFORD_CARS = ImageDataset(
    name="stanford_cars",
    title="Stanford Cars",
    domain="general",
    source=OwnCopySource(like=_parquet("train", "test")),
    prompts="openai",
    splits={"train": 8144, "test": 8041},
    download_mb=1960,
    licence="research, not commercial",
    citation="Krause et al. 2013, 3D object representations for fine-grained categorization",
)

SUN397 = ImageDataset(
    name="sun397",
    title="SUN397",
    domain="general",
    source=OwnCopySource(like=_parquet("train", "test")),
    prompts="openai",
    samples=108754,
    download_mb=39100,
    licence="research",
    citation="Xiao et al. 2010, SUN database (CVPR)",
)

# The published validation images are the test split (their folder is called test in a copy): the
# labels of the test set were not published. Labels are the WordNet ids that the class folders are
# called by. Two of CLIP's names stand for two classes each ("missile", "sunglasses"); the second
# class keeps its WordNet name here ("projectile", "sunglass"), as two equal names would tie.
IMAGENET = ImageDataset(
    name="imagenet",
    title="ImageNet-1k, validation as test",
    domain="general",
    source=OwnCopySource(like=FolderSource(path="imagenet")),
    prompts="clip_benchmark",
    splits={"train": 1281167, "test": 50000},
    download_mb=155000,
    licence="research, not commercial",
    citation="Russakovsky et al. 2015 (arXiv:1409.0575)",
)

GENERAL = (
    AIRCRAFT,
    CALTECH101,
    CALTECH101_ZSCL,
    DTD,
    FLOWERS102,
    FOOD101,
    MNIST,
    OXFORD_PETS,
    STANFORD_CARS,
    SUN397,
    IMAGENET,
)

"""EuroSAT (RGB): Sentinel-2 land use, 27,000 tiles of 64x64 pixels, under each of its four
published splits.

CLIP's class names, not the folders': those cost many points of zero-shot accuracy. A random split
lets neighbouring tiles of one place into training and test; the spatial one divides by longitude.
"""

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import FolderSource, HubSource, OwnCopySource

_LICENCE = "MIT; contains modified Copernicus Sentinel data"
_PAPER = "Helber et al. 2019, EuroSAT (IEEE JSTARS 12)"

EUROSAT = ImageDataset(
    name="eurosat",
    title="EuroSAT RGB",
    domain="satellite",
    source=HubSource(
        repository="timm/eurosat-rgb",
        revision="b4e28552cd5f3932b6abc37eb20d3e84901ad728",
        files={
            "train": "data/train-*.parquet",
            "valid": "data/validation-*.parquet",
            "test": "data/test-*.parquet",
        },
    ),
    prompts="openai",
    splits={"train": 16200, "valid": 5400, "test": 5400},
    download_mb=91,
    licence=_LICENCE,
    citation=f"{_PAPER}; split: Neumann et al. 2019 (arXiv:1911.06721)",
)


def _variant(
    name: str, title: str, source: FolderSource, splits: dict[str, int], origin: str, prompts: str
) -> ImageDataset:
    return ImageDataset(
        name=name,
        variant_of="eurosat",
        title=title,
        domain="satellite",
        source=OwnCopySource(like=source),
        prompts=prompts,
        splits=splits,
        download_mb=94,
        licence=_LICENCE,
        citation=f"{_PAPER}; split: {origin}",
    )


EUROSAT_SPATIAL = _variant(
    "eurosat_spatial",
    "EuroSAT RGB, split by longitude",
    FolderSource(
        path="2750",
        split_file={
            "train": "eurosat-spatial-train.txt",
            "valid": "eurosat-spatial-val.txt",
            "test": "eurosat-spatial-test.txt",
        },
        split_sha256={
            "train": "2db7d455afb8dcbca898ea19a00f1f90c091734efdbba89e22aaf24056da243f",
            "valid": "6c758477604b7057a0fd990d7f6327b63b99a6725aac11a6a9d0174a7fdd8f0b",
            "test": "de22dec83d350cac3b3e4ca8e285cb6733c81ab94bf5bcf9213a567993402452",
        },
    ),
    {"train": 16200, "valid": 5400, "test": 5400},
    "torchgeo, EuroSATSpatial (Stewart et al. 2022, arXiv:2111.08872)",
    "openai",
)

EUROSAT_COOP = _variant(
    "eurosat_coop",
    "EuroSAT RGB, CoOp's split and names",
    FolderSource(path="2750", split_file="split_zhou_EuroSAT.json"),
    {"train": 13500, "valid": 5400, "test": 8100},
    "Zhou et al. 2022 (arXiv:2109.01134)",
    "coop",
)

EUROSAT_ZSCL = _variant(
    "eurosat_zscl",
    "EuroSAT RGB, ZSCL's draw of 20 %",
    FolderSource(path="2750", test_fraction=0.2, split_seed=42, split_draw="random_split"),
    {"train": 21600, "test": 5400},
    "Zheng et al. 2023 (arXiv:2303.06628)",
    "openai",
)

EUROSATS = (EUROSAT, EUROSAT_SPATIAL, EUROSAT_COOP, EUROSAT_ZSCL)

"""EuroSAT (RGB): Sentinel-2 land use, 27,000 tiles of 64x64 pixels, in the in-domain split of 16,200/5,400/5,400.

CLIP's class names, not the folders': those cost many points of zero-shot accuracy.
"""

from clvl_bench.datasets.declaration import ImageDataset
from clvl_bench.datasets.sources import HubSource

EUROSAT = ImageDataset(
    name="eurosat",
    title="EuroSAT RGB",
    domain="satellite",
    source=HubSource(
        repository="timm/eurosat-rgb",
        revision="b4e28552cd5f3932b6abc37eb20d3e84901ad728",
        files={"train": "data/train-*.parquet", "valid": "data/validation-*.parquet", "test": "data/test-*.parquet"},
    ),
    prompts="openai",
    splits={"train": 16200, "valid": 5400, "test": 5400},
    licence="MIT; contains modified Copernicus Sentinel data",
    citation="Helber et al. 2019, EuroSAT (IEEE JSTARS 12); split: Neumann et al. 2019 (arXiv:1911.06721)",
)

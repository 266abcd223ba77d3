"""EuroSAT (RGB): Sentinel-2 land use, 27,000 tiles of 64x64 pixels, in the in-domain split of 16,200/5,400/5,400."""

from clvl_bench.datasets.declaration import HubSource, ImageDataset

EUROSAT = ImageDataset(
    name="eurosat",
    title="EuroSAT RGB",
    domain="satellite",
    source=HubSource(
        repository="timm/eurosat-rgb",
        revision="b4e28552cd5f3932b6abc37eb20d3e84901ad728",
        files={"train": "data/train-*.parquet", "valid": "data/validation-*.parquet", "test": "data/test-*.parquet"},
    ),
    labels=(
        "AnnualCrop", "Forest", "HerbaceousVegetation", "Highway", "Industrial", "Pasture", "PermanentCrop",
        "Residential", "River", "SeaLake",
    ),
    # CLIP's own class names and templates (Radford et al. 2021): the folder names cost many points of zero-shot accuracy.
    classes=(
        "annual crop land", "forest", "brushland or shrubland", "highway or road",
        "industrial buildings or commercial buildings", "pasture land", "permanent crop land",
        "residential buildings or homes or apartments", "river", "lake or sea",
    ),
    templates=(
        "a centered satellite photo of {}.", "a centered satellite photo of a {}.", "a centered satellite photo of the {}.",
    ),
    splits={"train": 16200, "valid": 5400, "test": 5400},
    licence="MIT; contains modified Copernicus Sentinel data",
    citation="Helber et al. 2019, EuroSAT (IEEE JSTARS 12); split: Neumann et al. 2019 (arXiv:1911.06721)",
)  # fmt: skip

"""NWPU-RESISC45: aerial scenes, 45 classes of 700 images of 256x256 pixels, in the split of 18,900/6,300/6,300."""

from clvl_bench.datasets.declaration import HubSource, ImageDataset

RESISC45 = ImageDataset(
    name="resisc45",
    title="NWPU-RESISC45",
    domain="satellite",
    source=HubSource(
        repository="timm/resisc45",
        revision="fe12fc5f1b7606543b0355eda392f1ddc54625c6",
        files={"train": "data/train-*.parquet", "valid": "data/validation-*.parquet", "test": "data/test-*.parquet"},
    ),
    labels=(
        "airplane", "airport", "baseball_diamond", "basketball_court", "beach", "bridge", "chaparral", "church",
        "circular_farmland", "cloud", "commercial_area", "dense_residential", "desert", "forest", "freeway",
        "golf_course", "ground_track_field", "harbor", "industrial_area", "intersection", "island", "lake", "meadow",
        "medium_residential", "mobile_home_park", "mountain", "overpass", "palace", "parking_lot", "railway",
        "railway_station", "rectangular_farmland", "river", "roundabout", "runway", "sea_ice", "ship", "snowberg",
        "sparse_residential", "stadium", "storage_tank", "tennis_court", "terrace", "thermal_power_station",
        "wetland",
    ),
    # CLIP's own class names and templates (Radford et al. 2021).
    classes=(
        "airplane", "airport", "baseball diamond", "basketball court", "beach", "bridge", "chaparral", "church",
        "circular farmland", "cloud", "commercial area", "dense residential", "desert", "forest", "freeway",
        "golf course", "ground track field", "harbor", "industrial area", "intersection", "island", "lake", "meadow",
        "medium residential", "mobile home park", "mountain", "overpass", "palace", "parking lot", "railway",
        "railway station", "rectangular farmland", "river", "roundabout", "runway", "sea ice", "ship", "snowberg",
        "sparse residential", "stadium", "storage tank", "tennis court", "terrace", "thermal power station",
        "wetland",
    ),
    templates=(
        "satellite imagery of {}.", "aerial imagery of {}.", "satellite photo of {}.", "aerial photo of {}.",
        "satellite view of {}.", "aerial view of {}.", "satellite imagery of a {}.", "aerial imagery of a {}.",
        "satellite photo of a {}.", "aerial photo of a {}.", "satellite view of a {}.", "aerial view of a {}.",
        "satellite imagery of the {}.", "aerial imagery of the {}.", "satellite photo of the {}.",
        "aerial photo of the {}.", "satellite view of the {}.", "aerial view of the {}.",
    ),
    splits={"train": 18900, "valid": 6300, "test": 6300},
    licence="not stated",
    citation="Cheng et al. 2017, RESISC45 (Proc. IEEE 105); split: Neumann et al. 2019 (arXiv:1911.06721)",
)  # fmt: skip

"""Scenes from the air in class folders: UC Merced, AID, RSSCN7, PatternNet.

Their authors published no split, so a copy is split by a share for testing or by the text files of
Neumann et al. 2019 (UC Merced). No published prompts became a convention: classes are the folders'
names as words, under the templates that CLIP uses for RESISC45.
"""

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.resisc45 import RESISC45
from clvl_bench.data.catalog.sources import FolderSource, OwnCopySource


def _scenes(
    name: str,
    title: str,
    folder: str,
    samples: int,
    citation: str,
    classes: dict[str, str],
    *,
    download_mb: float | None = None,
) -> ImageDataset:
    return ImageDataset(
        name=name,
        title=title,
        domain="satellite",
        source=OwnCopySource(like=FolderSource(path=folder, test_fraction=0.2)),
        labels=tuple(classes),
        classes=tuple(classes.values()),
        templates=RESISC45.templates,
        samples=samples,
        download_mb=download_mb,
        licence="not stated",
        citation=citation,
    )


def _as_words(labels: tuple[str, ...]) -> dict[str, str]:
    return {label: label.replace("_", " ") for label in labels}


UC_MERCED = _scenes(
    "uc_merced",
    "UC Merced Land Use",
    "UCMerced_LandUse/Images",
    2100,
    "Yang and Newsam 2010, Bag-of-visual-words and spatial extensions for land-use classification "
    "(ACM SIGSPATIAL)",
    {
        "agricultural": "agricultural land",
        "airplane": "airplane",
        "baseballdiamond": "baseball diamond",
        "beach": "beach",
        "buildings": "buildings",
        "chaparral": "chaparral",
        "denseresidential": "dense residential area",
        "forest": "forest",
        "freeway": "freeway",
        "golfcourse": "golf course",
        "harbor": "harbor",
        "intersection": "intersection",
        "mediumresidential": "medium residential area",
        "mobilehomepark": "mobile home park",
        "overpass": "overpass",
        "parkinglot": "parking lot",
        "river": "river",
        "runway": "runway",
        "sparseresidential": "sparse residential area",
        "storagetanks": "storage tanks",
        "tenniscourt": "tennis court",
    },
    download_mb=332,
)

AID = _scenes(
    "aid",
    "AID: Aerial Image Dataset",
    "AID",
    10000,
    "Xia et al. 2017, AID (IEEE TGRS 55; arXiv:1608.05167)",
    {
        "Airport": "airport",
        "BareLand": "bare land",
        "BaseballField": "baseball field",
        "Beach": "beach",
        "Bridge": "bridge",
        "Center": "center",
        "Church": "church",
        "Commercial": "commercial area",
        "DenseResidential": "dense residential area",
        "Desert": "desert",
        "Farmland": "farmland",
        "Forest": "forest",
        "Industrial": "industrial area",
        "Meadow": "meadow",
        "MediumResidential": "medium residential area",
        "Mountain": "mountain",
        "Park": "park",
        "Parking": "parking lot",
        "Playground": "playground",
        "Pond": "pond",
        "Port": "port",
        "RailwayStation": "railway station",
        "Resort": "resort",
        "River": "river",
        "School": "school",
        "SparseResidential": "sparse residential area",
        "Square": "square",
        "Stadium": "stadium",
        "StorageTanks": "storage tanks",
        "Viaduct": "viaduct",
    },
    download_mb=2600,
)

RSSCN7 = _scenes(
    "rsscn7",
    "RSSCN7",
    "RSSCN7",
    2800,
    "Zou et al. 2015, Deep learning based feature selection for remote sensing scene "
    "classification (IEEE GRSL 12)",
    {
        "aGrass": "grassland",
        "bField": "farm field",
        "cIndustry": "industrial area",
        "dRiverLake": "river or lake",
        "eForest": "forest",
        "fResident": "residential area",
        "gParking": "parking lot",
    },
)

PATTERNNET = _scenes(
    "patternnet",
    "PatternNet",
    "PatternNet/images",
    30400,
    "Zhou et al. 2018, PatternNet (ISPRS Journal 145; arXiv:1706.03424)",
    _as_words(
        (
            "airplane",
            "baseball_field",
            "basketball_court",
            "beach",
            "bridge",
            "cemetery",
            "chaparral",
            "christmas_tree_farm",
            "closed_road",
            "coastal_mansion",
            "crosswalk",
            "dense_residential",
            "ferry_terminal",
            "football_field",
            "forest",
            "freeway",
            "golf_course",
            "harbor",
            "intersection",
            "mobile_home_park",
            "nursing_home",
            "oil_gas_field",
            "oil_well",
            "overpass",
            "parking_lot",
            "parking_space",
            "railway",
            "river",
            "runway",
            "runway_marking",
            "shipping_yard",
            "solar_panel",
            "sparse_residential",
            "storage_tank",
            "swimming_pool",
            "tennis_court",
            "transformer_station",
            "wastewater_treatment_plant",
        )
    ),
    download_mb=1430,
)

WHU_RS19_IMAGES = _scenes(
    "whu_rs19_images",
    "WHU-RS19, the images",
    "WHU-RS19",
    1005,
    "Dai and Yang 2011, Satellite image classification via two-layer sparse coding with biased "
    "image representation (IEEE GRSL 8)",
    {
        "airport": "airport",
        "beach": "beach",
        "bridge": "bridge",
        "commercial": "commercial area",
        "desert": "desert",
        "farmland": "farmland",
        "footballfield": "football field",
        "forest": "forest",
        "industrial": "industrial area",
        "meadow": "meadow",
        "mountain": "mountain",
        "park": "park",
        "parking": "parking lot",
        "pond": "pond",
        "port": "port",
        "railwaystation": "railway station",
        "residential": "residential area",
        "river": "river",
        "viaduct": "viaduct",
    },
)

SCENES = (UC_MERCED, AID, RSSCN7, PATTERNNET, WHU_RS19_IMAGES)

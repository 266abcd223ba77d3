"""Scenes from the air in class folders: UC Merced, AID, RSSCN7, PatternNet, WHU-RS19; and what else
makes the ten sets of RS-TransCLIP.

Their authors published no split, so a copy is split by a share for testing or by the text files of
Neumann et al. 2019 (UC Merced). No published prompts became a convention: classes are the folders'
names as words, under the templates that CLIP uses for RESISC45. The other five (OPTIMAL-31, RS-C11,
RSI-CB128, RSI-CB256, MLRSNet) are declared with the prompts of RS-TransCLIP (El Khoury et al.
2025), and their class folders are called as its `classes.txt` calls the classes. The licences of UC
Merced and PatternNet are those of torchgeo's table of datasets.
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
    licence: str = "not stated",
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
        licence=licence,
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
    licence="public domain",
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
    licence="CC BY 4.0",
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


def _of_ten(
    name: str, title: str, folder: str, citation: str, *, samples: int | None = None
) -> ImageDataset:
    """One of RS-TransCLIP's ten; its size where its publishers' pages say it."""
    return ImageDataset(
        name=name,
        title=title,
        domain="satellite",
        source=OwnCopySource(like=FolderSource(path=folder, test_fraction=0.2)),
        prompts="rs_106",
        samples=samples,
        on_duplicates="report",
        licence="not checked",
        citation=citation,
    )


_RSI_CB = "Li et al. 2020, RSI-CB: a large-scale remote sensing image classification benchmark " + (
    "(Sensors 20; arXiv:1705.10450)"
)
OPTIMAL31 = _of_ten(
    "optimal31",
    "OPTIMAL-31",
    "OPTIMAL31",
    "Wang et al. 2019, Scene classification with recurrent attention of VHR remote sensing images "
    "(IEEE TGRS 57)",
)
RS_C11 = _of_ten(
    "rs_c11",
    "RS-C11",
    "RSC11",
    "Zhao et al. 2016, Feature significance-based multibag-of-visual-words model for remote "
    "sensing image scene classification (J. Appl. Remote Sens. 10)",
)
RSI_CB128 = _of_ten("rsi_cb128", "RSI-CB128", "RSICB128", _RSI_CB)
RSI_CB256 = _of_ten("rsi_cb256", "RSI-CB256", "RSICB256", _RSI_CB, samples=24747)
MLRSNET = _of_ten(
    "mlrsnet",
    "MLRSNet, one label an image",
    "MLRSNet",
    "Qi et al. 2020, MLRSNet (ISPRS Journal 169; arXiv:2010.00243)",
    samples=109161,
)

SCENES = (
    UC_MERCED,
    AID,
    RSSCN7,
    PATTERNNET,
    WHU_RS19_IMAGES,
    OPTIMAL31,
    RS_C11,
    RSI_CB128,
    RSI_CB256,
    MLRSNET,
)

"""GEO-Bench V1's classification sets (Lacoste et al. 2023), in three of their bands: m-eurosat,
m-so2sat, m-forestnet, m-brick-kiln, m-pv4ger. (m-bigearthnet has several labels an image.)

Class names are those of its converters (`make_benchmark/dataset_converters`), in the order of the
label numbers; those of m-eurosat are CLIP's for EuroSAT. Templates are this suite's own. White is
that of EuroSAT's published pictures for Sentinel-2 (2750, or the same as a reflectance), and 255
for values of eight bits.
"""

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.eurosat import EUROSAT
from clvl_bench.data.catalog.sources import GeobenchSource, OwnCopySource

_SENTINEL_2 = ("04 - Red", "03 - Green", "02 - Blue")
_WHITE = 2750.0
_REFLECTANCE = 10000.0
_TEMPLATES = ("a satellite image of {}.", "a satellite photo of {}.")
_PAPER = "Lacoste et al. 2023, GEO-Bench (NeurIPS; arXiv:2306.03831)"


def _geobench(
    name: str,
    title: str,
    sizes: tuple[int, int, int],
    classes: dict[str, str],
    *,
    bands: tuple[str, str, str] = _SENTINEL_2,
    white: float = _WHITE,
    templates: tuple[str, ...] = _TEMPLATES,
) -> ImageDataset:
    folder = f"m-{name.replace('_', '-')}"
    return ImageDataset(
        name=f"geobench_{name}",
        title=f"GEO-Bench {folder}: {title}",
        domain="satellite",
        source=OwnCopySource(like=GeobenchSource(path=folder, bands=bands, white=white)),
        labels=tuple(classes),
        classes=tuple(classes.values()),
        templates=templates,
        splits=dict(zip(("train", "valid", "test"), sizes, strict=True)),
        licence="not checked",
        citation=_PAPER,
    )


GEOBENCH = (
    _geobench(
        "eurosat",
        "land use",
        (2000, 1000, 1000),
        dict(zip(EUROSAT.labels, EUROSAT.classes, strict=True)),
        templates=EUROSAT.templates,
    ),
    _geobench(
        "so2sat",
        "local climate zones",
        (19992, 986, 986),
        {
            "Compact high rise": "compact high-rise buildings",
            "Compact mid rise": "compact mid-rise buildings",
            "Compact low rise": "compact low-rise buildings",
            "Open high rise": "open high-rise buildings",
            "Open mid rise": "open mid-rise buildings",
            "Open low rise": "open low-rise buildings",
            "Lightweight low rise": "lightweight low-rise buildings",
            "Large low rise": "large low-rise buildings",
            "Sparsely built": "sparsely built land",
            "Heavy industry": "heavy industry",
            "Dense trees": "dense trees",
            "Scattered trees": "scattered trees",
            "Bush, scrub": "bush or scrub",
            "Low plants": "low plants",
            "Bare rock or paved": "bare rock or paved ground",
            "Bare soil or sand": "bare soil or sand",
            "Water": "water",
        },
        white=_WHITE / _REFLECTANCE,
    ),
    _geobench(
        "forestnet",
        "what forest gave way to",
        (6464, 989, 993),
        {
            "Oil palm plantation": "an oil palm plantation",
            "Timber plantation": "a timber plantation",
            "Other large-scale plantations": "another large-scale plantation",
            "Grassland shrubland": "grassland or shrubland",
            "Small-scale agriculture": "small-scale agriculture",
            "Small-scale mixed plantation": "a small-scale mixed plantation",
            "Small-scale oil palm plantation": "a small-scale oil palm plantation",
            "Mining": "mining",
            "Fish pond": "a fish pond",
            "Logging": "logging",
            "Secondary forest": "secondary forest",
            "Other": "other land where a forest was lost",
        },
        white=255,
    ),
    _geobench(
        "brick_kiln",
        "brick kilns",
        (15063, 999, 999),
        {"not brick kiln": "land without a brick kiln", "brick kiln": "a brick kiln"},
    ),
    _geobench(
        "pv4ger",
        "solar panels from the air",
        (11814, 999, 999),
        {"no solar pv": "roofs without solar panels", "solar pv": "roofs with solar panels"},
        bands=("Red", "Green", "Blue"),
        white=255,
        templates=("an aerial image of {}.", "an aerial photo of {}."),
    ),
)

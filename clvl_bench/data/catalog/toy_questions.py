"""The toy worlds as questions: the pictures of toy_scans and toy_landcover, asked about what is
known of them.
"""

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import ToySource
from clvl_bench.data.catalog.toy import TOY_LANDCOVER, TOY_SCANS
from clvl_bench.data.catalog.vqa import Property, VqaDataset
from clvl_bench.data.catalog.vqa_sources import ToyQuestionsSource


def _toy(
    name: str,
    title: str,
    pictures: ImageDataset,
    sizes: dict[str, int],
    values: dict[Property, tuple[str, ...]],
    answers: tuple[str, ...],
) -> VqaDataset:
    assert isinstance(pictures.source, ToySource)
    return VqaDataset(
        name=name,
        title=title,
        domain="toy",
        source=ToyQuestionsSource(world=pictures.source.world, parts=pictures.source.parts),
        partitions={"official": sizes},
        images={split: part.count for split, part in pictures.source.parts.items()},
        values=values,
        normaliser="exact",
        answers=answers,
        licence="MIT",
        citation="clvl_bench, generated",
    )


_SCANS_TYPES = ("presence", "finding", "count", "side", "modality", "comparison")
TOY_SCANS_VQA = _toy(
    "toy_scans_vqa",
    "toy: questions about body scans",
    TOY_SCANS,
    {"train": 3300, "test": 1650},
    {"type": _SCANS_TYPES, "modality": ("ct", "mri", "x-ray")},
    (
        "yes",
        "no",
        "zero",
        "one",
        "two",
        "three",
        "four",
        "left",
        "right",
        "ct",
        "mri",
        "x-ray",
        "ultrasound",
        *(
            f"a {finding}"
            for finding in ("nodule", "cyst", "fracture", "implant", "effusion", "tumour")
        ),
    ),
)
TOY_LANDCOVER_VQA = _toy(
    "toy_landcover_vqa",
    "toy: questions about land cover",
    TOY_LANDCOVER,
    {"train": 4800, "test": 1200},
    {"type": ("cover", "presence", "comparison")},
    (
        "yes",
        "no",
        *(
            f"a {thing}"
            for thing in (*TOY_LANDCOVER.classes, "boat", "car", "flower", "fish", "umbrella")
        ),
    ),
)

TOY_QUESTIONS = (TOY_SCANS_VQA, TOY_LANDCOVER_VQA)

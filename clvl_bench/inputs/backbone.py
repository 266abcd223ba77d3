"""The backbone that a run is about: loaded, or, where data are precomputed features, put together
from what it said of them.
"""

from collections.abc import Sequence

from clvl_bench.backbones.base import Backbone
from clvl_bench.backbones.catalog import Precision
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.backbones.precomputed import ClassTexts, PrecomputedBackbone
from clvl_bench.core.errors import Mistake, unknown
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import BackboneFeaturesSource, PrecomputedSource
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.data.readers.backbone_features import digest_of
from clvl_bench.data.readers.question_split import QuestionSplit
from clvl_bench.data.readers.reading import read_text
from clvl_bench.data.readers.split import Split
from clvl_bench.inputs.features import unit_rows

Data = Sequence[tuple[ImageDataset | VqaDataset, Split | QuestionSplit]]
"""Datasets of a benchmark, one entry a split that is read."""


def backbone_for(
    name: str, data: Data, *, device: str = "cpu", precision: Precision = "fp32"
) -> Backbone:
    """The backbone of that name or path; where data are precomputed features, what it said of them.

    Raises:
        Mistake: features of different backbones, features beside images, or none of this backbone.
        Missing, Damage: as `load_backbone`.
    """
    of_features = precomputed_sources(data)
    if not of_features:
        return load_backbone(name, device=device, precision=precision)
    if len(of_features) < len({dataset.name for dataset, _ in data}):
        raise Mistake("datasets: precomputed features cannot be mixed with images")
    for dataset, source in of_features.items():
        if name not in source.backbones:
            raise Mistake(
                f"dataset.{dataset}: has features of {', '.join(source.backbones)}, and the run is "
                f"about '{name}'; give --backbone {source.backbones[0]}"
            )
    return precomputed_backbone(name, data)


def teacher_for(
    name: str, data: Data, *, device: str = "cpu", precision: Precision = "fp32"
) -> Backbone:
    """Another backbone that a strategy learns from, as `backbone_for`; of precomputed features it
    needs to know those of one dataset, and has none (NaN) of the others.

    Raises:
        Mistake: data are precomputed features, and none are of this backbone.
        Missing, Damage: as `load_backbone`.
    """
    of_features = precomputed_sources(data)
    if not of_features:
        return load_backbone(name, device=device, precision=precision)
    known = sorted({each for source in of_features.values() for each in source.backbones})
    if name not in known:
        raise Mistake(f"teacher: {unknown('backbone with precomputed features', name, known)}")
    return precomputed_backbone(name, data)


def precomputed_sources(data: Data) -> dict[str, PrecomputedSource]:
    """The sources of precomputed features among some datasets, by the names of these."""
    return {
        dataset.name: dataset.source
        for dataset, _ in data
        if isinstance(dataset.source, PrecomputedSource)
    }


def _one_width(name: str, data: Data) -> int:
    """The width of the image features that a backbone gave, in every split of every dataset.

    Raises:
        Mistake: there are several.
    """
    widths: dict[int, str] = {}
    for dataset, split in data:
        assert isinstance(split, Split)  # questions have no precomputed features
        features = None if split.features is None else split.features(name)
        if features is not None:
            widths.setdefault(features.shape[1], dataset.name)
    if len(widths) > 1:
        told = ", ".join(f"{width} numbers ({dataset})" for width, dataset in widths.items())
        raise Mistake(f"datasets: image features of one backbone have one width; got {told}")
    return next(iter(widths))


def precomputed_backbone(name: str, data: Data) -> PrecomputedBackbone:
    """The backbone of that name as its features tell of it.

    Raises:
        Mistake: its features of images or texts have different widths, or its scales differ.
    """
    width = _one_width(name, data)
    text: dict[str, ClassTexts] = {}
    images_sha256: dict[str, str] = {}
    unit = []
    scales = set()
    of_datasets = {dataset.name: (dataset, split) for dataset, split in data}
    for dataset, split in of_datasets.values():
        assert isinstance(dataset, ImageDataset)  # questions have no precomputed features
        assert isinstance(split, Split)
        assert split.features is not None
        source = dataset.source
        assert isinstance(source, PrecomputedSource)
        if split.features(name) is None:
            continue
        unit.append(split.unit)
        scales.add(source.logit_scale)
        texts = _class_texts(dataset, name, width)
        if texts is not None:
            text[dataset.name] = texts
        if isinstance(source, BackboneFeaturesSource):
            images_sha256[dataset.name] = digest_of(dataset, name)
    if len(scales) > 1:
        raise Mistake(
            f"datasets: features of {name} have the logit scales {sorted(scales)}; all of a "
            "benchmark share one"
        )
    return PrecomputedBackbone(
        name=name,
        logit_scale=scales.pop(),
        width=width,
        text=text,
        images_sha256=images_sha256,
        gives_unit_images=all(unit),
    )


def _class_texts(dataset: ImageDataset, backbone: str, width: int) -> ClassTexts | None:
    """The text features of a dataset's classes; None where there are none.

    Raises:
        Mistake: they are of another width than the images' features.
    """
    rows = read_text(dataset, backbone)
    if rows is None:
        return None
    if rows.shape[-1] != width:
        raise Mistake(
            f"dataset.{dataset.name}: text features are {rows.shape[-1]} numbers wide, image "
            f"features {width}; give both of one backbone"
        )
    by_template = isinstance(dataset.source, BackboneFeaturesSource)
    return ClassTexts(dataset.classes, unit_rows(rows), dataset.templates if by_template else None)

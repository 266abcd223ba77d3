"""Estimate: what runs would cost: time and memory as committed runs of the same kind took them,
disk by arithmetic. What nobody has measured is said to be unknown.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from clvl_bench.backbones.catalog import find, folder_of
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import FeaturesSource
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.report.committed import is_committed, origins
from clvl_bench.report.origin import Origin
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.files import shipped

FLOAT_BYTES, HALF_BYTES = 4, 2


def estimate(runs: Sequence[RunConfig], results: Path) -> list[str]:
    """Three lines: time, memory, disk; and one more where patch tokens are held in memory."""
    patches = _patches(runs)
    return [*_three(runs, results), *([] if patches is None else [patches])]


def _three(runs: Sequence[RunConfig], results: Path) -> list[str]:
    known = _committed(results)
    alike = [[origin for origin in known if _same_kind(origin, config)] for config in runs]
    measured = [origins for origins in alike if origins]
    if not measured:
        return [
            "Time      not known: no committed run is of this kind",
            "Memory    not known",
            f"Disk      {_disk(runs)}",
        ]
    seconds = sum(
        mean(origin.train_seconds + origin.evaluate_seconds for origin in origins)
        for origins in measured
    )
    peak = max(origin.peak_memory_mib for origins in measured for origin in origins)
    share = (
        ""
        if len(measured) == len(runs)
        else f" for {len(measured)} of {len(runs)} runs, the others are not known"
    )
    return [
        f"Time      {_duration(seconds)} of one core, as committed runs took it{share}",
        f"Memory    {peak:.0f} MiB a run, the most that committed runs took",
        f"Disk      {_disk(runs)}",
    ]


def _committed(results: Path) -> list[Origin]:
    """All committed runs: a folder may be called by its experiment, and hold several benchmarks."""
    roots = dict.fromkeys((results.resolve(), (shipped() / "results").resolve()))
    return [
        origin
        for root in roots
        for folder in sorted(root.glob("*/"))
        if is_committed(folder)
        for origin in origins(folder)
    ]


def _same_kind(origin: Origin, config: RunConfig) -> bool:
    limit = "" if config.limit is None else str(config.limit)
    mine = (
        config.benchmark,
        config.benchmark_config.label_space,
        config.strategy,
        config.backbone_name,
        limit,
    )
    return (
        origin.benchmark,
        origin.label_space,
        origin.strategy,
        origin.backbone,
        origin.limit,
    ) == mine


def _disk(runs: Sequence[RunConfig]) -> str:
    """The features that frozen towers give of all images, once for all runs."""
    images: dict[tuple[str, str], int | None] = {}
    widths = set()
    for config in runs:
        for name, split in config.benchmark_config.splits:
            dataset = config.benchmark_config.declared(name)
            if not isinstance(dataset.source, FeaturesSource):
                size = _size(dataset, split)
                limit = config.limit
                images[name, split] = (
                    size if limit is None else limit if size is None else min(limit, size)
                )
                widths.add(_width(config.backbone))
    if not images:
        return "no features to keep: they are given"
    unknown = sorted({name for (name, _), count in images.items() if count is None})
    count = sum(number or 0 for number in images.values())
    width = widths.pop() if len(widths) == 1 else None
    kept = (
        "features of unknown width"
        if width is None
        else f"{count * width * FLOAT_BYTES / 2**20:.1f} MiB of features"
    )
    rest = f", beside {', '.join(unknown)}, whose size is not declared" if unknown else ""
    return f"{count:,} images: {kept}, kept once for all runs{rest}"


def _size(dataset: ImageDataset | VqaDataset, split: str) -> int | None:
    """How many images a split has. Of a dataset without a published one all stand under `train`:
    copies are cut by a share.
    """
    if isinstance(dataset, VqaDataset):
        return dataset.images.get(split)
    if dataset.samples is not None and not dataset.splits:
        return dataset.samples if split == "train" else 0
    return dataset.splits.get(split)


def _patches(runs: Sequence[RunConfig]) -> str | None:
    """What the patch tokens of all images of a run take in memory, the most of the runs that read
    them.
    """
    sizes = [
        patch_bytes(config)
        for config in runs
        if config.strategy_config.input_kind == "question_patches"
    ]
    if not sizes:
        return None
    known = [size for size in sizes if size is not None]
    return "Patches   " + (
        "of unknown size"
        if not known
        else f"{max(known) / 2**20:.1f} MiB of a run's memory, in fp16"
    )


def patch_bytes(config: RunConfig) -> int | None:
    """Images x tokens x width x 2 bytes; None where one of the numbers is not declared."""
    found = find(config.backbone)
    folder = found if isinstance(found, Path) else folder_of(found)
    try:
        content = json.loads((folder / "config.json").read_bytes())
        vision = content["vision_config"]
        tokens = (int(vision["image_size"]) // int(vision["patch_size"])) ** 2 + 1
        width = int(content["projection_dim"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    images = 0
    for name, split in config.benchmark_config.splits:
        dataset = config.benchmark_config.declared(name)
        size = _size(dataset, split)
        if size is None:
            return None
        images += size
    return images * tokens * width * HALF_BYTES


def _width(backbone: str) -> int | None:
    """The width of a backbone's features, if it is on this machine."""
    found = find(backbone)
    folder = found if isinstance(found, Path) else folder_of(found)
    try:
        return int(json.loads((folder / "config.json").read_bytes())["projection_dim"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )

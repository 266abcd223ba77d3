"""Estimate: what runs would cost: time and memory as committed runs of the same kind took them,
disk by arithmetic. What nobody has measured is said to be unknown.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from clvl_bench.backbones.catalog import find, folder_of
from clvl_bench.core.files import parse_json
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import PrecomputedSource
from clvl_bench.data.catalog.vqa import VqaDataset
from clvl_bench.report.committed import is_committed, origins
from clvl_bench.report.origin import Origin
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.toml_files import shipped

FLOAT_BYTES = 4
HALF_BYTES = 2


def estimate(runs: Sequence[RunConfig], results: Path) -> list[str]:
    """Three lines: time, memory, disk; and one more where patch tokens are held in memory."""
    lines = [*_time_and_memory(runs, results), f"Disk      {_disk(runs)}"]
    patches = _patches(runs)
    if patches is not None:
        lines.append(patches)
    return lines


def _time_and_memory(runs: Sequence[RunConfig], results: Path) -> list[str]:
    known = _committed(results)
    seconds = 0.0
    peak = 0.0
    measured = 0
    for config in runs:
        alike = [origin for origin in known if _same_kind(origin, config)]
        if alike:
            seconds += mean(origin.train_seconds + origin.evaluate_seconds for origin in alike)
            peak = max(peak, *(origin.peak_memory_mib for origin in alike))
            measured += 1
    if not measured:
        return ["Time      not known: no committed run is of this kind", "Memory    not known"]
    share = ""
    if measured < len(runs):
        share = f" for {measured} of {len(runs)} runs, the others are not known"
    return [
        f"Time      {_duration(seconds)} of one core, as committed runs took it{share}",
        f"Memory    {peak:.0f} MiB a run, the most that committed runs took",
    ]


def _committed(results: Path) -> list[Origin]:
    """All committed runs: a folder may be called by its experiment, and hold several benchmarks."""
    found: list[Origin] = []
    # Results may be the shipped ones: each folder counts once.
    for root in dict.fromkeys((results.resolve(), (shipped() / "results").resolve())):
        for folder in sorted(root.glob("*/")):
            if is_committed(folder):
                found += origins(folder)
    return found


def _same_kind(origin: Origin, config: RunConfig) -> bool:
    limit = "" if config.limit is None else str(config.limit)
    return (
        origin.benchmark == config.benchmark
        and origin.label_space == config.benchmark_config.label_space
        and origin.strategy == config.strategy
        and origin.backbone == config.backbone_name
        and origin.limit == limit
    )


def _disk(runs: Sequence[RunConfig]) -> str:
    """The features that frozen towers give of all images, once for all runs."""
    images, widths = _images_and_widths(runs)
    if not images:
        return "no features to keep: they are given"
    count = sum(number or 0 for number in images.values())
    width = widths.pop() if len(widths) == 1 else None
    if width is None:
        kept = "features of unknown width"
    else:
        kept = f"{count * width * FLOAT_BYTES / 2**20:.1f} MiB of features"
    unknown = sorted({name for (name, _), number in images.items() if number is None})
    rest = f", beside {', '.join(unknown)}, whose size is not declared" if unknown else ""
    return f"{count:,} images: {kept}, kept once for all runs{rest}"


SplitSizes = dict[tuple[str, str], int | None]
"""(dataset, split or views) -> images that are encoded of it; None where the size is not declared.
"""


def _images_and_widths(runs: Sequence[RunConfig]) -> tuple[SplitSizes, set[int | None]]:
    """What all runs read of images, and the widths of their backbones' features."""
    images: SplitSizes = {}
    widths: set[int | None] = set()
    for config in runs:
        for name, split in config.benchmark_config.splits:
            dataset = config.benchmark_config.declared(name)
            if isinstance(dataset.source, PrecomputedSource):
                continue
            images[name, split] = _read(config, dataset, split)
            widths.add(_width(config.backbone))
            views = _views(config, name, split)
            if views:
                kept = images[name, split]
                images[name, f"{views} views"] = None if kept is None else views * kept
    return images, widths


def _views(config: RunConfig, name: str, split: str) -> int:
    """How many views of each image of a split are kept: of what is trained on, where features are
    read.
    """
    strategy = config.strategy_config
    augmentation = strategy.train.augmentation
    trained = split == "train" and name in config.benchmark_config.datasets
    if augmentation is None or not trained or strategy.input_kind == "pixels":
        return 0
    return augmentation.views


def _read(config: RunConfig, dataset: ImageDataset | VqaDataset, split: str) -> int | None:
    """How many images of a split a run reads; None where nothing says it."""
    known = [size for size in (_size(dataset, split), config.limit) if size is not None]
    return min(known, default=None)


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
    reading = [run for run in runs if run.strategy_config.input_kind == "question_patches"]
    if not reading:
        return None
    sizes = [patch_bytes(config) for config in reading]
    known = [size for size in sizes if size is not None]
    if not known:
        return "Patches   of unknown size"
    return f"Patches   {max(known) / 2**20:.1f} MiB of a run's memory, in fp16"


def patch_bytes(config: RunConfig) -> int | None:
    """Images x tokens x width x 2 bytes; None where one of the numbers is not declared."""
    try:
        content = _backbone_config(config.backbone)
        vision = content["vision_config"]
        side = int(vision["image_size"]) // int(vision["patch_size"])
        width = int(content["projection_dim"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    tokens = side**2 + 1
    images = 0
    for name, split in config.benchmark_config.splits:
        size = _read(config, config.benchmark_config.declared(name), split)
        if size is None:
            return None
        images += size
    return images * tokens * width * HALF_BYTES


def _width(backbone: str) -> int | None:
    """The width of a backbone's features, if it is on this machine."""
    try:
        return int(_backbone_config(backbone)["projection_dim"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _backbone_config(backbone: str) -> Any:
    found = find(backbone)
    folder = found if isinstance(found, Path) else folder_of(found)
    return parse_json((folder / "config.json").read_bytes())


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"

"""One target of `reproduce` at small size, from a hub on the loopback to its verdict, in a process
of its own: `python small_targets.py NAME`, in an empty folder.

Small are the files of the suite (steps, epochs, prompts), the declarations (a few classes, no
published sizes) and the data; the weights are random, in the layouts that are published. The
command, its experiments, benchmarks and figures are the suite's own.
"""

import io
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from helpers.hub import LocalHub, serving
from PIL import Image

import clvl_bench

FEW = 3
"""Classes of each dataset of MTIL, where no cut of classes needs all."""
EACH = {"train": 3, "valid": 1, "test": 2, "validation": 1}
"""Images of each class."""
SHORTER = {
    "finetune_mtil": {
        "iterations = 1001": "iterations = 2",
        "warmup_steps = 100": "warmup_steps = 1",
    },
    "zscl_mtil": {"batch_size = 64": "batch_size = 4", "every = 100": "every = 1"},
    "lwf_mtil": {"batch_size = 64": "batch_size = 4"},
    "proof": {"epochs = 5": "epochs = 1"},
}
PROMPTS = ["a satellite photo of a {}.", "an aerial image of a {}."]
"""Of the 106 on WHU-RS19, beside their mean."""


def make_files_small(folder: Path) -> None:
    """Let the suite find copies of its files, cut down, in place of its own."""
    root = Path(clvl_bench.__file__).parent
    shipped = folder / "clvl_bench" / "shipped"
    for part in ("benchmarks", "experiments", "results/published"):
        shutil.copytree(root.parent / part, shipped / part)
    (folder / "clvl_bench" / "assets").symlink_to(root / "assets")
    clvl_bench.__file__ = str(folder / "clvl_bench" / "__init__.py")
    for name, changes in SHORTER.items():
        change(shipped / "experiments" / "strategies" / f"{name}.toml", changes)
    make_whu_rs19_small(shipped)


def change(file: Path, changes: dict[str, str]) -> None:
    text = file.read_text()
    for old, new in changes.items():
        assert old in text, f"{file.name}: no '{old}' any more"
        text = text.replace(old, new)
    file.write_text(text)


def make_whu_rs19_small(shipped: Path) -> None:
    """Two prompts and their mean, of four models."""
    experiment = shipped / "experiments" / "whu_rs19_prompts.toml"
    kept = f'"adapter.template" = {json.dumps(PROMPTS)}'
    experiment.write_text(
        re.sub(r'"adapter.template" = \[.*?\n\]', kept, experiment.read_text(), flags=re.S)
    )
    for name in ("zero_shot", "transclip"):
        table = shipped / "results" / "published" / f"whu_rs19_{name}.csv"
        rows = pd.read_csv(table)
        told = rows["strategy"].str.extract(r"template=(.*)\]")[0]
        rows[told.isna() | told.isin(PROMPTS)].to_csv(table, index=False)
        target = next((shipped / "experiments" / "reproduce").glob(f"{name.replace('_', '')}_whu*"))
        changes = {"count = 428": "count = 12"}
        text = target.read_text()
        (at_least,) = re.findall(r"at_least = \d+", text)
        change(target, {**changes, at_least: "at_least = 12"})


def make_declarations_small(few: int | None) -> None:
    """Fewer classes and prompts, no published sizes, and no published hash of weights; before any
    declaration is read.
    """
    from clvl_bench.data.catalog import prompts

    whole = prompts.read_set

    def read_set(name: str) -> dict[str, prompts.Prompts]:
        return {
            dataset: prompts.Prompts(dict(list(each.classes.items())[:few]), each.templates[:2])
            for dataset, each in whole(name).items()
        }

    if few:
        prompts.read_set = read_set  # type: ignore[assignment]
    from clvl_bench.backbones import catalog
    from clvl_bench.backbones.catalog import listing as backbones
    from clvl_bench.data.catalog import listing

    bare = {"splits": {}, "samples": None, "on_duplicates": "report"}
    listing.DATASETS = tuple(each.model_copy(update=bare) for each in listing.DATASETS)
    unpinned = {"sha256": None}
    backbones.BACKBONES = tuple(each.model_copy(update=unpinned) for each in catalog.BACKBONES)
    catalog.BACKBONES = backbones.BACKBONES


def pictures(generator: np.random.Generator, count: int) -> np.ndarray:
    return generator.integers(0, 256, size=(count, 12, 12, 3), dtype=np.uint8)


def png(pixels: np.ndarray) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


def parquet(images: np.ndarray, labels: np.ndarray, names: tuple[str, ...], source: Any) -> bytes:
    """A table as the hub writes it, with the names of its classes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells = [{"bytes": png(pixels), "path": None} for pixels in images]
    features = {source.label: {"names": list(names), "_type": "ClassLabel"}}
    table = pa.table({source.image: cells, source.label: labels})
    told = {"huggingface": json.dumps({"info": {"features": features}})}
    data = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(told), data)
    return data.getvalue()


def tables(dataset: Any, source: Any) -> Iterator[tuple[str, bytes]]:
    """The parquet files of a dataset by their names."""
    generator = np.random.default_rng(len(dataset.name))
    names = dataset.labels or dataset.classes
    for split, pattern in source.files.items():
        labels = np.repeat(np.arange(len(names)), EACH[split])
        images = pictures(generator, len(labels))
        yield pattern.replace("*", "00000-of-00001"), parquet(images, labels, names, source)


def write_copy(dataset: Any, folder: Path) -> str:
    """A small copy in the declared layout; the table of datasets.toml that names it."""
    source, generator = dataset.source.like, np.random.default_rng(len(dataset.name))
    names = dataset.labels or dataset.classes
    folder.mkdir(parents=True)
    path = folder
    if source.kind == "parquet":
        for file, content in tables(dataset, source):
            (folder / file).write_bytes(content)
    elif source.kind == "arrays":
        path = folder / "all.npz"
        labels = {split: np.repeat(np.arange(len(names)), EACH[split]) for split in source.splits}
        arrays = {}
        for split, (images, numbers) in source.splits.items():
            arrays |= {images: pictures(generator, len(labels[split])), numbers: labels[split]}
        np.savez(path, **arrays)
    elif source.kind == "backbone_features":
        from helpers.whu_rs19 import write_arrays

        write_arrays(folder)
    else:
        parts = [""] if source.test_fraction else ["train", "test"]
        for place in (folder / part / name for part in parts for name in names):
            place.mkdir(parents=True)
            for number, pixels in enumerate(pictures(generator, 6)):
                (place / f"{number}.png").write_bytes(png(pixels))
    told = f'kind = "{source.kind}", path = {json.dumps(str(path))}'
    own = ", sha256 = {}" if source.kind == "backbone_features" else ""
    captions = folder / "captions.txt"
    captions.write_text("a small picture\na large picture\nnoise\n")
    table = f"[dataset.{dataset.name}]\nsource = {{ {told}{own} }}\n"
    return table + (
        f"captions = {json.dumps(str(captions))}\n" if dataset.name == "imagenet" else ""
    )


def weights(declared: Any, folder: Path) -> dict[str, bytes]:
    """Random weights in the layout of a declared backbone's, by the names of its files."""
    from small_backbones import write_clip, write_legacy_clip

    write = write_legacy_clip if declared.weights == "pytorch_model.bin" else write_clip
    write(folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def command(*arguments: object) -> int:
    from clvl_bench.cli.main import main

    sys.argv = ["clvl-bench", *map(str, arguments)]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def fetched(kind: str, declared: Any, files: dict[str, bytes], port: int) -> None:
    """Let the command fetch a repository from a hub that has it."""
    where = declared if kind == "model" else declared.source
    with serving(LocalHub(kind, where.repository, where.revision, files, port=port)):
        assert command("fetch", declared.name) == 0, declared.name


def bring(runs: list[Any], port: int) -> None:
    """Everything that the runs read."""
    from clvl_bench.backbones.catalog import find as find_backbone
    from clvl_bench.data.catalog.listing import find as find_dataset
    from clvl_bench.data.catalog.sources import HubSource

    copies = ""
    named = {name: None for config in runs for name in config.benchmark_config.named}
    for name in named:
        dataset = find_dataset(name)
        if isinstance(dataset.source, HubSource):
            fetched("dataset", dataset, dict(tables(dataset, dataset.source)), port)
        else:
            copies += write_copy(dataset, Path("copies") / name)
    Path("datasets.toml").write_text(copies)
    for name in sorted({config.backbone for config in runs}):
        declared = find_backbone(name)
        if not isinstance(declared, Path) and declared.revision and "whu" not in "".join(named):
            fetched("model", declared, weights(declared, Path("weights") / name), port)


def reproduce(name: str, port: int) -> int:
    """The whole way of a target; the exit code of its last command."""
    from small_backbones import write_clip

    from clvl_bench.reproduce.plan import runs_for
    from clvl_bench.reproduce.target import figures_of, load

    given = []
    if name.startswith("proof"):
        given = [write_clip(Path("laion400m-vit-base-patch16"))]
    target = load(name)
    bring(runs_for(target, figures_of(target), given), port)
    options = [part for folder in given for part in ("--weights", folder)]
    assert command("reproduce", name, *options, "--dry-run") == 0
    from clvl_bench.runs.runner import run

    # What `grid` does in processes of its own, which would not be small.
    for config in runs_for(target, figures_of(target), given):
        run(config, results=Path("results"), progress=False)
    return command("reproduce", name, *options)


if __name__ == "__main__":
    os.environ["HF_HUB_OFFLINE"] = "0"
    make_files_small(Path.cwd() / "suite")
    make_declarations_small(FEW if "mtil" in sys.argv[1] else None)
    sys.exit(reproduce(sys.argv[1], int(os.environ["HF_ENDPOINT"].rpartition(":")[2])))

"""MTIL with Food-101 in its published layout and size (Bossard et al. 2014; 5 GB of encoded images
in two columns of parquet), the ten other datasets small: dry run and run, by the command line.

It takes 12 GB of disk and eight minutes: `make test-sweep` runs it. The run's peak was 878 MiB.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import simplejpeg
from helpers.layouts import write_copies, write_table

import clvl_bench as cb
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.runs.files import load

pytestmark = pytest.mark.sweep

DISK = 12 * 2**30
FILES = {"train": ("train", 75750, 8), "test": ("test", 25250, 3)}
"""Of each split: the name, images and files."""
GROUP = 100
"""Rows that the hub writes at once where there are images."""
SIDE, CLASSES, BYTES = 16, 101, 49_400
"""Of a picture: small, so that decoding takes no hour; but as many bytes as one of Food-101 has on
average, which are read, stored and hashed."""


def photographs(numbers: range, split: str) -> list[bytes]:
    """Pictures of which no two are alike, with a comment that fills them up."""
    made = []
    for number in numbers:
        generator = np.random.default_rng([number, len(split)])
        grain = generator.integers(0, 128, (SIDE, SIDE, 3), dtype=np.uint8)
        shade = np.uint8(number % CLASSES)
        picture = simplejpeg.encode_jpeg(grain + shade, quality=90)
        filling = generator.bytes(BYTES - len(picture) - 4)
        comment = b"\xff\xfe" + (len(filling) + 2).to_bytes(2, "big") + filling
        made.append(picture[:2] + comment + picture[2:])
    return made


def groups(numbers: range, split: str) -> Iterator[tuple[list[bytes], list[int]]]:
    for start in numbers[::GROUP]:
        rows = range(start, min(start + GROUP, numbers.stop))
        yield photographs(rows, split), [row % CLASSES for row in rows]


def write_food101(folder: Path, dataset: ImageDataset) -> None:
    shutil.rmtree(folder)
    for split, (name, images, files) in FILES.items():
        bounds = np.linspace(0, images, files + 1).astype(int).tolist()
        for part in range(files):
            file = folder / f"{name}-{part:05d}-of-{files:05d}.parquet"
            write_table(file, dataset, groups(range(bounds[part], bounds[part + 1]), split))


def bytes_of(folder: Path, pattern: str) -> int:
    """Of the column of images in some files, unpacked."""
    size = 0
    for file in folder.glob(pattern):
        metadata = pq.read_metadata(file)
        for group in range(metadata.num_row_groups):
            size += metadata.row_group(group).column(0).total_uncompressed_size
    return size


def measured(command: list[object], folder: Path, **environment: str) -> tuple[int, float, str]:
    """Peak bytes of memory, seconds and output of a command, which ends well."""
    start = time.monotonic()
    words = [sys.executable, "-m", "clvl_bench", *map(str, command)]
    with (folder / "said").open("w+") as said:
        process = subprocess.Popen(
            words, env={**os.environ, **environment}, stdout=said, stderr=said, cwd=folder
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
    assert process.returncode == 0, text
    return used.ru_maxrss * 1024, time.monotonic() - start, text


def test_mtil_learns_food101_of_published_size_in_less_than_a_gigabyte(tmp_path):
    if shutil.disk_usage(tmp_path).free < DISK:
        pytest.skip("takes 12 GB of disk")
    declared = load("benchmark", "mtil_order_1")
    datasets = map(declared.images, declared.named)
    copies = write_copies(datasets, tmp_path, of_published_size=("food101",))
    write_food101(tmp_path / "food101", declared.images("food101"))
    assert bytes_of(tmp_path / "food101", "train-*") > 3 * 2**30
    environment = {
        "CLVL_DATASETS": str(copies),
        "CLVL_HOME": str(tmp_path / "home"),
        "HF_HUB_CACHE": str(tmp_path / "hub"),
    }
    run = ["run", "mtil_order_1", "linear", "--set", "train.epochs=1", "--results", "results"]
    _, seconds, told = measured([*run, "--dry-run"], tmp_path, **environment)
    print(f"dry run: {seconds:.0f} s")
    assert "food101" in told
    assert not (tmp_path / "results").exists()
    peak, seconds, told = measured(run, tmp_path, **environment)
    print(f"run: {seconds:.0f} s, {peak / 2**20:.0f} MiB\n{told}")
    assert peak < 2**30
    frame = cb.load_results(tmp_path / "results").to_frame()
    learned = frame[(frame["dataset"] == "food101") & (frame["trained"] == 7)]
    assert learned["n"].max() == 25250

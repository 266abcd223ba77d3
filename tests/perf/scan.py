"""What scanning and encoding cost over a bare loop with the best decoder there is: `make perf`.

27,000 JPEG files of 64x64 pixels, EuroSAT's number, written from the toy world; both sides read the
same files in turn, in one process on one thread. The suite decodes, hashes, keeps what it found,
decodes again when it encodes, and keeps the features; the bare loop decodes once, and encodes.
"""

import os
import tempfile
import time
from pathlib import Path
from statistics import median

import clvl_bench  # noqa: F401 (first: lets any build of torch import torchvision, which Avalanche wants)

# isort: split
import numpy as np
import simplejpeg
import torch
from PIL import Image

from clvl_bench.backbones.base import TowerBackbone
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.data.readers.encoded import encoded_split
from clvl_bench.data.readers.scan import scan
from clvl_bench.data.toy.index import WORLDS
from clvl_bench.inputs.features import CHUNK, encode

ROUNDS, IMAGES = 3, int(os.environ.get("IMAGES", "27000"))


def write(folder: Path) -> list[Path]:
    world, files = WORLDS["optical"], []
    pictures = [
        Image.fromarray(world.picture("perf scan", row).image).resize((64, 64))
        for row in range(500)
    ]
    for row in range(IMAGES):
        files.append(folder / f"{row:05d}.jpg")
        pictures[row % len(pictures)].save(files[-1], quality=90)
    return files


def scanned(files: list[Path], home: Path) -> float:
    os.environ["CLVL_HOME"] = str(home)
    start = time.process_time()
    found = scan(
        "perf", [file.name for file in files], lambda row: files[row].read_bytes(), files=files
    )
    assert not found.damaged
    return time.process_time() - start


def bare(files: list[Path]) -> float:
    start = time.process_time()
    for file in files:
        simplejpeg.decode_jpeg(file.read_bytes())
    return time.process_time() - start


def encoded(files: list[Path], home: Path, backbone: TowerBackbone) -> float:
    """Scanned and encoded as the suite does it."""
    os.environ["CLVL_HOME"] = str(home)
    start = time.process_time()
    labels = np.zeros(len(files), dtype=np.int64)
    names = [file.name for file in files]
    split = encoded_split(
        "perf",
        ["a"],
        names,
        labels,
        lambda row: files[row].read_bytes(),
        files=files,
        policy="error",
    )
    encode(split, backbone)
    return time.process_time() - start


def bare_encoded(files: list[Path], backbone: TowerBackbone) -> float:
    start = time.process_time()
    for block in range(0, len(files), CHUNK):
        images = [
            simplejpeg.decode_jpeg(file.read_bytes()) for file in files[block : block + CHUNK]
        ]
        backbone.image_features(
            torch.from_numpy(np.stack([backbone.preprocessing(image) for image in images]))
        )
    return time.process_time() - start


def row(what: str, ours: list[float], theirs: list[float]) -> str:
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    share = f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return f"| {what} | {IMAGES / median(ours):,.0f} | {IMAGES / median(theirs):,.0f} | {share} |"


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "images").mkdir()
        files = write(folder / "images")
        backbone = load_backbone("tiny")
        bare(files)
        scans, decodes, wholes, loops = [], [], [], []
        for number in range(ROUNDS):
            scans.append(scanned(files, folder / f"scan{number}"))
            decodes.append(bare(files))
            wholes.append(encoded(files, folder / f"home{number}", backbone))
            loops.append(bare_encoded(files, backbone))
        again = scanned(files, folder / "scan0")
    print(f"| {IMAGES:,} JPEGs of 64x64 | suite, images/s | bare loop, images/s | suite / bare |")
    print("| --- | ---: | ---: | ---: |")
    print(row("scan: decode, hash, keep; bare: decode", scans, decodes))
    print(row("scan and encode; bare: decode and encode", wholes, loops))
    print(f"| scan, scanned before | {IMAGES / again:,.0f} | | |")


if __name__ == "__main__":
    main()

"""What many precomputed features cost: `python tests/perf/features.py [SAMPLES]`.

Random features of width 512 in a .npz file, ten classes; they are read, hashed and planned, and
every one of them is read once in minibatches of 256 in a random order. The last line says the most
memory that was resident, and seconds of processor time.
"""

import sys
import tempfile
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

CLASSES, WIDTH, BLOCK = 10, 512, 100_000
BENCHMARK = """version = 1
scenario = "class_incremental"
datasets = ["random"]
classes_per_experience = [5, 5]
label_space = "dataset"
valid_fraction = 0.0
[dataset.random]
classes = {names}
[dataset.random.source]
kind = "features"
path = "features.npz"
splits = {{ train = [["train_x", "train_y"]], test = [["test_x", "test_y"]] }}
backbone = "random"
"""


def write(folder: Path, samples: int) -> Path:
    """As `numpy.savez` writes it, block by block."""
    random = np.random.default_rng(0)
    names = [f"class {number}" for number in range(CLASSES)]
    with zipfile.ZipFile(folder / "features.npz", "w", allowZip64=True) as archive:
        for split, count in (("train", samples), ("test", 1000)):
            head = {"descr": "<f4", "fortran_order": False, "shape": (count, WIDTH)}
            with archive.open(f"{split}_x.npy", "w", force_zip64=True) as file:
                npy.write_array_header_1_0(file, head)
                for start in range(0, count, BLOCK):
                    size = (min(BLOCK, count - start), WIDTH)
                    file.write(random.random(size, dtype=np.float32).data)
            with archive.open(f"{split}_y.npy", "w", force_zip64=True) as file:
                npy.write_array(file, np.arange(count) % CLASSES)
    (folder / "stream.toml").write_text(BENCHMARK.format(names=names))
    return folder / "stream.toml"


def main(samples: int = 500_000) -> None:
    warnings.filterwarnings("ignore")
    import torch

    from clvl_bench.core.resources import peak_mib, reset_peak
    from clvl_bench.runs.files import run_config
    from clvl_bench.runs.setup import prepare

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        config = run_config(str(write(Path(folder), samples)), "ncm", backbone="random")
        reset_peak()
        start = time.process_time()
        prepared = prepare(config)
        ready = time.process_time()
        print(f"prepared: {ready - start:.1f} s, at most {peak_mib():.0f} MiB", flush=True)
        inputs = prepared.benchmark.view.inputs
        for ids in torch.randperm(samples).split(256):
            assert inputs(ids).shape == (len(ids), WIDTH)
        read = time.process_time() - ready
        each = 1e6 * read / samples
        print(f"{samples:,} samples: {each:.1f} us a sample, at most {peak_mib():.0f} MiB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

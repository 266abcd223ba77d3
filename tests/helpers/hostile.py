"""Runs on a user's own pictures, in which every name would be markup, a formula or a handler."""

from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save

from clvl_bench.records.result import Result
from clvl_bench.records.rows import Record
from clvl_bench.report.runs import Origin, Run
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.streams.reading import read_slices

WILD = ("<script>alert(1)</script>", '"onload="alert(1)', "=cmd|' /C calc'!A0")
STRATEGY = "</script><img src=x onerror=alert(1)>"
FILE = "jane_doe_1957.png"


def write_pictures(folder: Path) -> Path:
    """A user's pictures: three classes of two test pictures each, and one of train."""
    generator = np.random.default_rng(0)
    for split, count in (("train", 1), ("test", 2)):
        for label in "abc":
            inside = folder / split / label
            inside.mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                name = FILE if label == "a" and not number else f"{number}.png"
                Image.fromarray(pixels).save(inside / name)
    return folder


def stream_of(folder: Path) -> BenchmarkConfig:
    return BenchmarkConfig.model_validate(
        {
            "version": 1,
            "scenario": "class_incremental",
            "datasets": ["mine"],
            "classes_per_experience": [2, 1],
            "label_space": "all",
            "dataset": {
                "mine": {
                    "source": {"kind": "folder", "path": str(folder)},
                    "classes": dict(zip("abc", WILD, strict=True)),
                }
            },
        }
    )


def run_in(folder: Path, tmp_path: Path, strategy: str, predicted: list[int], seed: int = 0) -> Run:
    """A finished run whose ids count as the benchmark does: three of train, then six of test."""
    stream = stream_of(folder)
    columns = {
        "test/0/ids": np.arange(3, 9),
        "test/0/predicted": np.array(predicted),
        "test/0/true": np.array([0, 0, 1, 1, 2, 2]),
    }
    file = tmp_path / f"{len(list(tmp_path.iterdir()))}.safetensors"
    file.write_bytes(save({name: column.astype(np.int32) for name, column in columns.items()}))
    config = {
        "benchmark_config": stream.model_dump(mode="json"),
        "strategy_config": {"adapter": {"kind": "linear"}},
        "limit": None,
    }
    told = {"benchmark": "b", "label_space": "all", "strategy": strategy, "backbone": "tiny"}
    where = {**told, "seed": seed, "class_order": 0}
    records = []
    for trained in range(3):
        for experience in range(2):
            cell = {"trained": trained, "stream": "test", "experience": experience}
            value = 0.25 + 0.1 * trained
            records.append(
                Record(**where, **cell, dataset="mine", metric="accuracy", value=value, n=3)
            )
    data = {
        f"mine/{each.split}": {"fingerprint": each.data.fingerprint} for each in read_slices(stream)
    }
    provenance = {"config": config, "hashed": config, "data": data}
    result = Result(tmp_path, provenance, {}, records, ((0, file), (2, file)))
    right = np.array(predicted) == columns["test/0/true"]
    origin = Origin(f"{strategy}-{seed}", **where, state="done", train_data="experience")
    return Run(origin, tuple(records), right, result=result)


def hostile_runs(folder: Path, tmp_path: Path) -> list[Run]:
    """Two strategies on these pictures, of which one has a hostile name."""
    return [
        run_in(folder, tmp_path, STRATEGY, [1, 0, 1, 1, 0, -1]),
        run_in(folder, tmp_path, "other", [2, 0, 1, 1, 2, 2]),
    ]

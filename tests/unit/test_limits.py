"""Streams at their limits: very long ones, and experiences, batches and losses of the smallest and
the largest size.
"""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from clvl_bench.core.errors import RunFailed
from clvl_bench.runs.files import run_config
from clvl_bench.runs.observer import RunObserver
from clvl_bench.runs.runner import run

MANY = 50
"""Classes, each an experience of its own."""
FEATURES = """version = 1
scenario = "class_incremental"
datasets = ["many"]
classes_per_experience = {sizes}
label_space = "seen"
valid_fraction = 0.0
[dataset.many]
classes = {names}
[dataset.many.source]
kind = "features"
path = "many.npz"
text = "texts.npy"
backbone = "made up"
splits = {{ train = [["x", "y"]], test = [["u", "v"]] }}
"""


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A benchmark of fifty experiences on features, which cost nothing to read."""
    generator = np.random.default_rng(0)
    texts = generator.normal(size=(MANY, 16)).astype(np.float32)
    labels = np.repeat(np.arange(MANY), 8)
    x, u = (texts[labels] + generator.normal(size=(len(labels), 16)) for _ in range(2))
    np.savez(tmp_path / "many.npz", x=x, y=labels, u=u, v=labels)
    np.save(tmp_path / "texts.npy", texts)
    names = json.dumps([f"class {number}" for number in range(MANY)])
    (tmp_path / "many.toml").write_text(FEATURES.format(sizes=[1] * MANY, names=names))
    return tmp_path / "many.toml"


class Memory(RunObserver):
    """The resident memory after each evaluation, in MiB."""

    def __init__(self) -> None:
        self.mib: list[float] = []

    def after_evaluation(self, strategy: object) -> None:
        lines = Path("/proc/self/status").read_text().splitlines()
        told = next(line for line in lines if line.startswith("VmRSS"))
        self.mib.append(int(told.split()[1]) / 1024)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells what is resident")
def test_memory_does_not_grow_over_fifty_experiences(many, tmp_path):
    observer = Memory()
    config = run_config(str(many), "linear", overrides=["train.epochs=1"])
    result = run(config, results=tmp_path, progress=False, observer=observer)
    assert max(record.trained for record in result.records) == MANY
    assert len(observer.mib) == MANY + 1
    assert observer.mib[-1] < 1.05 * observer.mib[MANY // 5]


SMALLEST = {
    "batches of one": ["train.batch_size=1"],
    "a last batch of one": ["train.batch_size=3"],
    "one class an experience": ["benchmark.classes_per_experience=[1, 9]"],
    "a class that is a stream of its own": ["benchmark.classes_per_experience=[9, 1]"],
    "one sample of each class": ["train.batch_size=100"],
}


@pytest.mark.parametrize("strategy", ["prompt_replay", "finetune"])
@pytest.mark.parametrize("what", SMALLEST)
def test_the_smallest_batches_and_experiences_have_an_accuracy(tmp_path, strategy, what):
    overrides = ["train.epochs=1", "benchmark.classes_per_experience=[5, 5]", *SMALLEST[what]]
    config = run_config("toy_landcover", strategy, limit=10, overrides=overrides)
    result = run(config, results=tmp_path, progress=False)
    values = [each.value for each in result.records if each.metric == "accuracy"]
    assert values
    assert all(0 <= value <= 1 for value in values)


@pytest.mark.parametrize("rate", [1e6, 1e30])
def test_a_rate_that_is_far_too_large_fails_or_gives_numbers_and_never_none(tmp_path, rate):
    overrides = [f"train.lr={rate}", "train.epochs=2", "train.batch_size=2"]
    config = run_config("toy_landcover", "finetune", limit=10, overrides=overrides)
    try:
        result = run(config, results=tmp_path, progress=False)
    except RunFailed as failed:
        told = str(failed)
    else:
        told = ""
        assert all(math.isfinite(each.value) for each in result.records)
    assert not told or told.startswith("nan: ")
    assert bool(told) != bool(list(tmp_path.glob("runs/*/result.json")))

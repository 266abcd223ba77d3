"""How the cost of a run grows with its experiences: `make perf`.

A stream of 5, 20, 50 and 100 experiences of one class, twenty samples each, on features that are
there already; a linear head. Seconds of processor time of keeping states and of evaluating, and the
exponents that they grow by; and what it costs to ask for the features of many classes again.
"""

import math
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import clvl_bench  # noqa: F401 (first: lets any build of torch import torchvision, which Avalanche wants)

# isort: split
import torch
from mixture import write_mixture

from clvl_bench.backbones.base import TowerBackbone
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.runs import runner
from clvl_bench.runs.files import run_config
from clvl_bench.runs.run_state import RunState

LENGTHS = (5, 20, 50, 100)
SAMPLES = 20
CLASSES, TEMPLATES = 1000, 80
BENCHMARK = """version = 1
scenario = "class_incremental"
datasets = ["mixture"]
classes_per_experience = {ones}
label_space = "dataset"
valid_fraction = 0.0
"""


def write(folder: Path, experiences: int) -> Path:
    """A class an experience."""
    counts = dict.fromkeys(("train", "test"), experiences * SAMPLES)
    return write_mixture(folder, BENCHMARK.format(ones=[1] * experiences), experiences, counts)


class Spent:
    """Seconds of processor time within a function of some owner."""

    def __init__(self, owner: Any, name: str) -> None:
        self.seconds = 0.0
        self._whole: Callable[..., Any] = getattr(owner, name)

        def timed(*given: Any, **named: Any) -> Any:
            start = time.process_time()
            try:
                return self._whole(*given, **named)
            finally:
                self.seconds += time.process_time() - start

        setattr(owner, name, timed)


def rows() -> Iterator[str]:
    keeping, evaluating = Spent(RunState, "keep"), Spent(runner, "evaluate")
    kept, evaluated = [], []
    for experiences in LENGTHS:
        keeping.seconds = evaluating.seconds = 0.0
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            config = run_config(
                str(write(folder, experiences)), "linear", overrides=["train.epochs=1"]
            )
            runner.run(config, results=folder, progress=False)
        kept.append(keeping.seconds)
        evaluated.append(1000 * evaluating.seconds / (experiences * (experiences + 1)))
    lengths = ", ".join(map(str, LENGTHS))
    seconds = ", ".join(f"{each:.2f}" for each in kept)
    exponent = math.log(kept[-1] / kept[0]) / math.log(LENGTHS[-1] / LENGTHS[0])
    yield f"| keeping states of {lengths} experiences | exponent {exponent:.2f} | {seconds} s |"
    each = ", ".join(f"{one:.2f}" for one in evaluated)
    yield f"| evaluating an experience of {SAMPLES} samples, of as many | | {each} ms |"
    yield asked_again()


def asked_again() -> str:
    """Known classes in many templates: what a learner asks for at each batch."""
    backbone = load_backbone("tiny")
    assert isinstance(backbone, TowerBackbone)
    templates = tuple(f"a photo number {number} of a {{}}." for number in range(TEMPLATES))
    classes = [Candidate(f"class {number}", "d", templates) for number in range(CLASSES)]
    features = torch.randn(CLASSES, backbone.width)
    prompts = [candidate.prompts for candidate in classes]
    backbone._class_features.update(zip(prompts, features, strict=True))
    backbone.class_features(classes)
    start = time.process_time()
    for _ in range(20):
        backbone.class_features(classes)
    spent = (time.process_time() - start) / 20
    what = f"features of {CLASSES:,} known classes in {TEMPLATES} templates, asked again"
    return f"| {what} | | {1000 * spent:.2f} ms |"


def main() -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    for row in rows():
        print(row, flush=True)


if __name__ == "__main__":
    main()

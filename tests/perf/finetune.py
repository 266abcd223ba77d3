"""What the suite costs over a bare loop where every weight trains: `make perf`.

Full fine-tuning of a random CLIP ViT-B/32, eight images a step, one and four steps an experience.
Ours trains and keeps its state behind each experience, as a run does; the bare loop keeps nothing.
Both sides in turn, in one process on one thread, in seconds of processor time. Keeping stands
beside what it cannot be without: hashing, writing and syncing the bytes of a state.
"""

import hashlib
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import clvl_bench  # noqa: F401 (first: lets any build of torch import torchvision, which Avalanche wants)

# isort: split
import torch
import vit
from avalanche.training.plugins import EvaluationPlugin

from clvl_bench.methods.registry import build_adapter
from clvl_bench.runs import checkpoint
from clvl_bench.runs.checkpoint import Checkpoint
from clvl_bench.runs.files import run_config
from clvl_bench.runs.frozen import FrozenTensors
from clvl_bench.runs.setup import Prepared, prepare
from clvl_bench.training.strategy import build_strategy

ROUNDS = int(os.environ.get("ROUNDS", "2"))
EXPERIENCES = 2
STRATEGY = """version = 1
[adapter]
kind = "full"
[train]
epochs = {epochs}
batch_size = 8
lr = 1e-6
"""


class Spent(NamedTuple):
    """Seconds of a stream, of keeping its states, and of doing by hand what that must do."""

    whole: float
    keeping: float
    by_hand: float


def ours(prepared: Prepared) -> Spent:
    strategy = build_strategy(
        prepared.config.strategy_config,
        prepared.backbone,
        prepared.benchmark.view,
        evaluator=EvaluationPlugin(loggers=[], collect_all=False),
        seed=0,
    )
    keeping = 0.0
    with tempfile.TemporaryDirectory() as folder:
        frozen = FrozenTensors(Path(folder))
        start = time.process_time()
        for number in range(1, EXPERIENCES + 1):
            experience = prepared.benchmark.scenario.train_stream[number - 1]
            strategy.train(experience, eval_streams=[])
            trained = time.process_time()
            state = Checkpoint(number, strategy.state(), {})
            checkpoint.write(Path(folder), state, frozen=frozen)
            keeping += time.process_time() - trained
        whole = time.process_time() - start
        return Spent(whole, keeping, by_hand(Path(folder)))


def by_hand(folder: Path) -> float:
    """Seconds of hashing, writing and syncing once more all states that are there.

    Two are kept, so behind two experiences nothing of what was written is gone.
    """
    contents = [file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()]
    start = time.process_time()
    for content in contents:
        hashlib.sha256(content).digest()
        with (folder / "again").open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    return time.process_time() - start


def bare(prepared: Prepared) -> float:
    work = bare_loop(prepared, EXPERIENCES)
    start = time.process_time()
    work()
    return time.process_time() - start


def bare_loop(prepared: Prepared, experiences: int) -> Callable[[], None]:
    """As one would write it; the optimiser is made anew for each experience, as ours is."""
    train = prepared.config.strategy_config.train
    view = prepared.benchmark.view
    backbone = prepared.backbone
    model = build_adapter(
        prepared.config.strategy_config.adapter, backbone, view.plan.classes, seed=0
    ).train()
    model.to(prepared.device)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    labels = torch.from_numpy(view.visible_labels)

    def work() -> None:
        for spec in view.plan.streams["train"][:experiences]:
            optimizer = torch.optim.AdamW(
                weights, lr=train.lr, eps=train.eps, weight_decay=train.weight_decay
            )
            place = {label: row for row, label in enumerate(spec.classes)}
            ids = torch.from_numpy(spec.ids)
            for _ in range(train.epochs):
                for batch in ids[torch.randperm(len(ids))].split(train.batch_size):
                    rows = [place[label] for label in labels[batch].tolist()]
                    images = model.image(view.inputs(batch))
                    images = images / images.norm(dim=-1, keepdim=True)
                    scores = backbone.logit_scale * images @ model.classifier(spec.classes).T
                    targets = torch.tensor(rows, device=scores.device)
                    loss = torch.nn.functional.cross_entropy(scores, targets)
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()

    return work


def rows(folder: Path) -> Iterator[str]:
    """A row of the table for each number of steps."""
    for steps in (1, 4):
        (folder / "full.toml").write_text(STRATEGY.format(epochs=steps))
        config = run_config(
            str(folder / "stream.toml"), str(folder / "full.toml"), backbone=str(folder / "clip")
        )
        prepared = prepare(config)
        prepared.benchmark.label_store.reveal_all()
        pairs = [(ours(prepared), bare(prepared)) for _ in range(ROUNDS)]
        ratios = [mine.whole / other for mine, other in pairs]
        more = median((mine.whole - other) / EXPERIENCES for mine, other in pairs)
        keeping = median(mine.keeping / EXPERIENCES for mine, _ in pairs)
        yield (
            f"| full fine-tuning of ViT-B/32, {steps} step(s) an experience | "
            f"{vit.cell(ratios)} | {more:.2f} s an experience, {keeping:.2f} s of it keeping |"
        )
        kept = [mine.keeping / mine.by_hand for mine, _ in pairs]
        yield (
            f"| keeping its state, {steps} step(s) an experience / hashing, writing and syncing it "
            f"| {vit.cell(kept)} | |"
        )


def main() -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["CLVL_HOME"] = str(folder / "home")
        vit.make(folder)
        for row in rows(folder):
            print(row, flush=True)


if __name__ == "__main__":
    sys.exit(main())

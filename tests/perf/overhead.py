"""What the suite costs over a bare PyTorch loop of the same mathematics, on cached features: `make perf`.

Both sides run in turn, several times, in one process on one thread; what is reported are ratios of medians with their range
over the rounds, since absolute times mean nothing on a shared machine. Not a test: nothing here passes or fails.
"""

import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import clvl_bench  # noqa: F401 (first: lets any build of torch import torchvision, which Avalanche wants)

# isort: split
import numpy as np
import torch
from avalanche.training.plugins import EvaluationPlugin

from clvl_bench.adapters import build_adapter
from clvl_bench.backbones import unit
from clvl_bench.config.files import run_config
from clvl_bench.evaluation import Accuracy
from clvl_bench.prepare import Prepared, prepare
from clvl_bench.strategy import AdaptationStrategy, build_strategy

ROUNDS = 5
IMAGES, WIDTH = 2000, 512
FEATURES = """version = 1
scenario = "class_incremental"
datasets = ["random"]
classes_per_experience = [10, 10, 10, 10, 10, 10, 10, 10, 10, 10]
label_space = "dataset"
[dataset.random]
classes = {names}
[dataset.random.source]
kind = "features"
path = "features.npz"
splits = {{ train = [["train_x", "train_y"]], test = [["test_x", "test_y"]] }}
text = "text.npy"
backbone = "random"
"""


def ours(prepared: Prepared) -> AdaptationStrategy:
    config = prepared.config.strategy_config
    evaluator = EvaluationPlugin(Accuracy(), loggers=[], collect_all=False)
    return build_strategy(config, prepared.backbone, prepared.benchmark.view, evaluator=evaluator, seed=0)


def train_ours(prepared: Prepared) -> float:
    strategy, experience = ours(prepared), prepared.benchmark.scenario.train_stream[0]
    start = time.perf_counter()
    strategy.train(experience, eval_streams=[])
    return time.perf_counter() - start


def train_bare(prepared: Prepared) -> float:
    """Prompt learning as one would write it: shuffle, index, forward, backward, step."""
    train, view = prepared.config.strategy_config.train, prepared.benchmark.view
    step = view.plan.streams["train"][0]
    prompt = build_adapter(prepared.config.strategy_config.adapter, prepared.backbone, view.plan.table, seed=0).train()
    ids, place = torch.from_numpy(step.ids), {label: row for row, label in enumerate(step.classes)}
    features = view.inputs(ids)
    labels = torch.tensor([place[int(label)] for label in view.revealed[step.ids]])
    optimizer = torch.optim.SGD(prompt.parameters(), lr=train.lr, momentum=train.momentum)
    steps, done = train.epochs * -(-len(ids) // train.batch_size), 0
    start = time.perf_counter()
    for _ in range(train.epochs):
        for rows in torch.randperm(len(ids)).split(train.batch_size):
            scores = prepared.backbone.logit_scale * unit(features[rows]) @ prompt.classifier(step.classes).T
            loss = torch.nn.functional.cross_entropy(scores, labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.param_groups[0]["lr"] = train.lr * 0.5 * (1 + np.cos(np.pi * done / steps))
            optimizer.step()
            done += 1
    return time.perf_counter() - start


def train_bare_answers(prepared: Prepared) -> float:
    """The gated product as one would write it over rows held in memory."""
    train, view = prepared.config.strategy_config.train, prepared.benchmark.view
    step = view.plan.streams["train"][0]
    head = build_adapter(prepared.config.strategy_config.adapter, prepared.backbone, view.plan.table, seed=0).train()
    ids, place = torch.from_numpy(step.ids), {label: row for row, label in enumerate(step.classes)}
    rows_of, width = view.inputs(ids), prepared.backbone.width
    images, questions = rows_of[:, :width], rows_of[:, width : 2 * width]
    labels = torch.tensor([place[int(label)] for label in view.revealed[step.ids]])
    texts = prepared.backbone.class_features([view.plan.table[label] for label in step.classes])
    optimizer = torch.optim.AdamW(head.parameters(), lr=train.lr, weight_decay=train.weight_decay)
    steps, done = train.epochs * -(-len(ids) // train.batch_size), 0
    start = time.perf_counter()
    for _ in range(train.epochs):
        for rows in torch.randperm(len(ids)).split(train.batch_size):
            v, u = head.of_image(images[rows]), head.of_question(questions[rows])
            said = head.fused(torch.cat([v, u, v * u, (v - u).abs()], dim=1))
            loss = torch.nn.functional.cross_entropy(head.log_scale.exp() * unit(said) @ texts.T, labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.param_groups[0]["lr"] = train.lr * 0.5 * (1 + np.cos(np.pi * done / steps))
            optimizer.step()
            done += 1
    return time.perf_counter() - start


def evaluate_ours(prepared: Prepared) -> float:
    strategy, stream = ours(prepared), prepared.benchmark.scenario.test_stream
    start = time.perf_counter()
    strategy.eval(stream)
    return time.perf_counter() - start


def evaluate_bare(prepared: Prepared) -> float:
    """One product an experience, and the share of right answers."""
    view = prepared.benchmark.view
    prompt = build_adapter(prepared.config.strategy_config.adapter, prepared.backbone, view.plan.table, seed=0).eval()
    start = time.perf_counter()
    with torch.no_grad():
        for step in view.plan.streams["test"]:
            rows = prompt.logits(view.inputs(torch.from_numpy(step.ids)), view.plan.candidates(step, 1))
            float((rows.argmax(dim=1) == 0).float().mean())
    return time.perf_counter() - start


def features(folder: Path) -> Path:
    """A benchmark of random features of a published width, in 10 experiences of 10 classes."""
    random = np.random.default_rng(0)
    arrays = {f"{split}_x": random.normal(size=(IMAGES, WIDTH)).astype(np.float32) for split in ("train", "test")}
    labels = {f"{split}_y": np.arange(IMAGES) % 100 for split in ("train", "test")}
    text = random.normal(size=(100, WIDTH)).astype(np.float32)
    np.savez(folder / "features.npz", **arrays, **labels)
    np.save(folder / "text.npy", text)
    path = folder / "random_features.toml"
    path.write_text(FEATURES.format(names=[f"class {place}" for place in range(100)]))
    return path


def compare(what: str, a: Callable[[Prepared], float], b: Callable[[Prepared], float], prepared: Prepared, steps: int) -> str:
    a(prepared), b(prepared)  # warm
    pairs = [(a(prepared), b(prepared)) for _ in range(ROUNDS)]
    ratios = [x / y for x, y in pairs]
    more = median((x - y) / steps * 1000 for x, y in pairs)
    return f"| {what} | {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | {more:.2f} |"


def main() -> None:
    warnings.filterwarnings("ignore")
    print("| toy_landcover, tiny | ours / bare: median (range) | ms more a step |\n| --- | ---: | ---: |")
    prepared = prepare(run_config("toy_landcover", "prompt"))
    prepared.benchmark.truth.reveal_all()
    train = prepared.config.strategy_config.train
    count = len(prepared.benchmark.view.plan.streams["train"][0].ids)
    steps = train.epochs * -(-count // train.batch_size)
    print(compare(f"prompt learning, warm, {steps} steps", train_ours, train_bare, prepared, steps))
    prepared = prepare(run_config("toy_scans_vqa", "answers_product", overrides=["train.epochs=5"]))
    prepared.benchmark.truth.reveal_all()
    train = prepared.config.strategy_config.train
    count = len(prepared.benchmark.view.plan.streams["train"][0].ids)
    steps = train.epochs * -(-count // train.batch_size)
    print(compare(f"answering questions (toy_scans_vqa), {steps} steps", train_ours, train_bare_answers, prepared, steps))
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare(run_config(str(features(Path(folder))), "linear"))
    prepared.benchmark.truth.reveal_all()
    experiences = len(prepared.benchmark.view.plan.streams["test"])
    what = f"evaluation, {IMAGES} images of width {WIDTH} in {experiences} experiences"
    print(compare(what, evaluate_ours, evaluate_bare, prepared, experiences))


if __name__ == "__main__":
    main()

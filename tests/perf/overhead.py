"""What the suite costs over a bare PyTorch loop of the same mathematics, on cached features: `make
perf`.

Both sides run in turn, several times, in one process on one thread; what is reported are ratios of
medians with their range over the rounds, since absolute times mean nothing on a shared machine. Not
a test: nothing here passes or fails.
"""

import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import clvl_bench  # noqa: F401 (first: lets any build of torch import torchvision, which Avalanche wants)

# isort: split
import numpy as np
import torch
from avalanche.training.plugins import EvaluationPlugin
from torch import Tensor, nn

from clvl_bench.backbones.base import TowerBackbone, l2_normalize
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods.registry import build_adapter
from clvl_bench.runs.files import run_config
from clvl_bench.runs.setup import Prepared, prepare
from clvl_bench.training.evaluation import SampleMetrics
from clvl_bench.training.strategy import AdaptationStrategy, build_strategy

Bare = tuple[list[nn.Parameter], Callable[[Tensor], Tensor]]
"""What a bare loop trains, and its scores of a batch of features."""

ROUNDS = 5
IMAGES, WIDTH = 2000, 512
RIDGE_IMAGES, RIDGE_FEATURES, RIDGE_ROUNDS = 10_000, 2_000, 2
"""The published size, 5,000 features of 50,000 images, would take minutes a round."""
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
    evaluator = EvaluationPlugin(SampleMetrics(), loggers=[], collect_all=False)
    view, features = prepared.benchmark.view, prepared.features
    return build_strategy(
        config, prepared.backbone, view, evaluator=evaluator, seed=0, features=features
    )


def train_ours(prepared: Prepared) -> float:
    strategy, experience = ours(prepared), prepared.benchmark.scenario.train_stream[0]
    start = time.process_time()
    strategy.train(experience, eval_streams=[])
    return time.process_time() - start


def coop(backbone: TowerBackbone, candidates: Sequence[Candidate]) -> Bare:
    """Zhou et al. 2022 (arXiv:2109.01134) in ten lines."""
    tokens = backbone.tokenize([candidate.prompts[0] for candidate in candidates])
    words = backbone.towers.embed(tokens.ids)
    context = nn.Parameter(words[0, 1 : 1 + words_before(backbone, candidates)].clone())

    def scores(features: Tensor) -> Tensor:
        embeddings = torch.cat(
            [words[:, :1], context.expand(len(words), -1, -1), words[:, 1 + len(context) :]], dim=1
        )
        return (
            backbone.logit_scale
            * l2_normalize(features)
            @ l2_normalize(backbone.towers.text(embeddings, tokens.ends)).T
        )

    return [context], scores


def cocoop(backbone: TowerBackbone, candidates: Sequence[Candidate]) -> Bare:
    """Zhou et al. 2022 (arXiv:2203.05557): every sentence of every image through the text tower at
    once.
    """
    tokens = backbone.tokenize([candidate.prompts[0] for candidate in candidates])
    words = backbone.towers.embed(tokens.ids)
    context = nn.Parameter(words[0, 1 : 1 + words_before(backbone, candidates)].clone())
    hidden = backbone.width // 16
    net = nn.Sequential(
        nn.Linear(backbone.width, hidden), nn.ReLU(), nn.Linear(hidden, backbone.token_width)
    )

    def scores(features: Tensor) -> Tensor:
        images = l2_normalize(features)
        contexts = (context + net(images)[:, None])[:, None].expand(-1, len(words), -1, -1)
        every = words.expand(len(images), -1, -1, -1)
        embeddings = torch.cat([every[:, :, :1], contexts, every[:, :, 1 + len(context) :]], dim=2)
        texts = backbone.towers.text(embeddings.flatten(0, 1), tokens.ends.repeat(len(images)))
        return backbone.logit_scale * torch.einsum(
            "bp,bcp->bc", images, l2_normalize(texts).view(len(images), len(words), -1)
        )

    return [context, *net.parameters()], scores


def clip_adapter(backbone: TowerBackbone, candidates: Sequence[Candidate]) -> Bare:
    """Gao et al. 2021 (arXiv:2110.04544)."""
    width, texts = backbone.width, backbone.class_features(candidates)
    net = nn.Sequential(
        nn.Linear(width, width // 4, bias=False),
        nn.ReLU(),
        nn.Linear(width // 4, width, bias=False),
        nn.ReLU(),
    )

    def scores(features: Tensor) -> Tensor:
        return backbone.logit_scale * l2_normalize(0.2 * net(features) + 0.8 * features) @ texts.T

    return [*net.parameters()], scores


def words_before(backbone: TowerBackbone, candidates: Sequence[Candidate]) -> int:
    """Tokens before the name in the first template."""
    return int(backbone.tokenize([candidates[0].templates[0].partition("{}")[0]]).ends[0]) - 1


def train_bare(
    prepared: Prepared, model: Callable[[TowerBackbone, Sequence[Candidate]], Bare]
) -> float:
    """A method as one would write it: shuffle, index, forward, backward, step."""
    train, view, backbone = (
        prepared.config.strategy_config.train,
        prepared.benchmark.view,
        prepared.backbone,
    )
    assert isinstance(backbone, TowerBackbone)
    step = view.plan.streams["train"][0]
    parameters, scores = model(backbone, [view.plan.classes[place] for place in step.classes])
    ids, place = torch.from_numpy(step.ids), {label: row for row, label in enumerate(step.classes)}
    features = view.inputs(ids)
    labels = torch.tensor([place[int(label)] for label in view.visible_labels[step.ids]])
    optimizer: torch.optim.Optimizer = (
        torch.optim.SGD(parameters, lr=train.lr, momentum=train.momentum)
        if train.optimizer == "sgd"
        else torch.optim.AdamW(parameters, lr=train.lr, weight_decay=train.weight_decay)
    )
    steps, done = train.epochs * -(-len(ids) // train.batch_size), 0
    start = time.process_time()
    for _ in range(train.epochs):
        for rows in torch.randperm(len(ids)).split(train.batch_size):
            loss = torch.nn.functional.cross_entropy(scores(features[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.param_groups[0]["lr"] = train.lr * 0.5 * (1 + np.cos(np.pi * done / steps))
            optimizer.step()
            done += 1
    return time.process_time() - start


def zscl_bare(prepared: Prepared) -> float:
    """ZSCL as one would write it, with what the teacher says of images and texts computed before:
    both losses, weight constraint, ensemble.
    """
    train, view, scale = (
        prepared.config.strategy_config.train,
        prepared.benchmark.view,
        prepared.backbone.logit_scale,
    )
    step, reference = view.plan.streams["train"][0], view.plan.streams["reference"][0]
    student = build_adapter(
        prepared.config.strategy_config.adapter, prepared.backbone, view.plan.classes, seed=0
    ).train()
    ids, others = torch.from_numpy(step.ids), torch.from_numpy(reference.ids)
    place = {label: row for row, label in enumerate(step.classes)}
    labels = torch.tensor([place[int(label)] for label in view.visible_labels[step.ids]])
    table = [view.plan.classes[label] for label in reference.classes]
    texts, teacher = (
        prepared.backbone.class_features(table, templates=1),
        l2_normalize(prepared.features(others)),
    )
    weights = list(student.parameters())
    previous, mean = ([weight.detach().clone() for weight in weights] for _ in range(2))
    optimizer = torch.optim.AdamW(weights, lr=train.lr, weight_decay=0.0)
    done, points = 0, 1
    start = time.process_time()
    for _ in range(train.epochs):
        for rows in torch.randperm(len(ids)).split(train.batch_size):
            scores = (
                scale
                * l2_normalize(student.image(view.inputs(ids[rows])))
                @ student.classifier(step.classes).T
            )
            loss = torch.nn.functional.cross_entropy(
                scores, labels[rows], label_smoothing=train.label_smoothing
            )
            some = torch.randperm(len(others))[: train.batch_size]
            learned = scale * l2_normalize(student.image(view.inputs(others[some]))) @ texts.T / 2
            known = scale * teacher[some] @ texts.T / 2
            for ours_, theirs in ((learned, known), (learned.T, known.T)):
                loss = loss + 4 * torch.nn.functional.cross_entropy(ours_, theirs.softmax(dim=-1))
            pairs = zip(weights, previous, strict=True)
            loss = (
                loss + torch.stack([(weight - old).square().sum() for weight, old in pairs]).sum()
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if done % 10 == 0:
                points += 1
                for average, weight in zip(mean, weights, strict=True):
                    average.lerp_(weight.detach(), 1 / points)
            done += 1
    return time.process_time() - start


def train_bare_answers(prepared: Prepared) -> float:
    """The gated product as one would write it over rows held in memory."""
    train, view = prepared.config.strategy_config.train, prepared.benchmark.view
    step = view.plan.streams["train"][0]
    head = build_adapter(
        prepared.config.strategy_config.adapter, prepared.backbone, view.plan.classes, seed=0
    ).train()
    ids, place = torch.from_numpy(step.ids), {label: row for row, label in enumerate(step.classes)}
    rows_of, width = view.inputs(ids), prepared.backbone.width
    images, questions = rows_of[:, :width], rows_of[:, width : 2 * width]
    labels = torch.tensor([place[int(label)] for label in view.visible_labels[step.ids]])
    texts = prepared.backbone.class_features([view.plan.classes[label] for label in step.classes])
    optimizer = torch.optim.AdamW(head.parameters(), lr=train.lr, weight_decay=train.weight_decay)
    steps, done = train.epochs * -(-len(ids) // train.batch_size), 0
    start = time.process_time()
    for _ in range(train.epochs):
        for rows in torch.randperm(len(ids)).split(train.batch_size):
            v, u = head.of_image(images[rows]), head.of_question(questions[rows])
            said = head.fused(torch.cat([v, u, v * u, (v - u).abs()], dim=1))
            loss = torch.nn.functional.cross_entropy(
                head.log_scale.exp() * l2_normalize(said) @ texts.T, labels[rows]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.param_groups[0]["lr"] = train.lr * 0.5 * (1 + np.cos(np.pi * done / steps))
            optimizer.step()
            done += 1
    return time.process_time() - start


def evaluate_ours(prepared: Prepared) -> float:
    strategy, stream = ours(prepared), prepared.benchmark.scenario.test_stream
    start = time.process_time()
    strategy.eval(stream)
    return time.process_time() - start


def evaluate_bare(prepared: Prepared) -> float:
    """One product an experience, and the share of right answers."""
    view = prepared.benchmark.view
    prompt = build_adapter(
        prepared.config.strategy_config.adapter, prepared.backbone, view.plan.classes, seed=0
    ).eval()
    start = time.process_time()
    with torch.no_grad():
        for step in view.plan.streams["test"]:
            rows = prompt.logits(
                view.inputs(torch.from_numpy(step.ids)), view.plan.candidates(step, 1)
            )
            float((rows.argmax(dim=1) == 0).float().mean())
    return time.process_time() - start


def regress_ours(prepared: Prepared) -> float:
    """RanPAC on the whole stream, and its weights."""
    strategy, stream = ours(prepared), prepared.benchmark.scenario.train_stream
    start = time.process_time()
    for experience in stream:
        strategy.train(experience, eval_streams=[])
    strategy.adapter.solve()
    return time.process_time() - start


def regress_bare(prepared: Prepared) -> float:
    """The matrix products of ridge regression on ReLU(x R) in float64, in the same batches, and one
    Cholesky solve.
    """
    view, batch = prepared.benchmark.view, prepared.config.strategy_config.train.batch_size
    ids = torch.from_numpy(np.concatenate([step.ids for step in view.plan.streams["train"]]))
    inputs, labels = view.inputs(ids), torch.from_numpy(view.visible_labels)[ids]
    projection = torch.randn(WIDTH, RIDGE_FEATURES, dtype=torch.float64)
    gram = torch.zeros(RIDGE_FEATURES, RIDGE_FEATURES, dtype=torch.float64)
    sums = torch.zeros(RIDGE_FEATURES, len(view.plan.classes), dtype=torch.float64)
    start = time.process_time()
    for rows in torch.arange(len(ids)).split(batch):
        expanded = torch.relu(inputs[rows].double() @ projection)
        gram.addmm_(expanded.T, expanded)
        sums += expanded.T @ torch.nn.functional.one_hot(labels[rows], sums.shape[1]).double()
    torch.cholesky_solve(
        sums, torch.linalg.cholesky(gram + torch.eye(len(gram), dtype=torch.float64))
    )
    return time.process_time() - start


def features(folder: Path, *, images: int = IMAGES) -> Path:
    """A benchmark of random features of a published width, in 10 experiences of 10 classes; as many
    to test on at most.
    """
    random = np.random.default_rng(0)
    sizes = {"train": images, "test": IMAGES}
    arrays = {
        f"{split}_x": random.normal(size=(size, WIDTH)).astype(np.float32)
        for split, size in sizes.items()
    }
    labels = {f"{split}_y": np.arange(size) % 100 for split, size in sizes.items()}
    text = random.normal(size=(100, WIDTH)).astype(np.float32)
    np.savez(folder / "features.npz", **arrays, **labels)
    np.save(folder / "text.npy", text)
    path = folder / "random_features.toml"
    path.write_text(FEATURES.format(names=[f"class {place}" for place in range(100)]))
    return path


def compare(
    what: str,
    a: Callable[[Prepared], float],
    b: Callable[[Prepared], float],
    prepared: Prepared,
    steps: int,
    *,
    rounds: int = ROUNDS,
    warm: bool = True,
) -> str:
    if warm:
        a(prepared), b(prepared)
    pairs = [(a(prepared), b(prepared)) for _ in range(rounds)]
    ratios = [x / y for x, y in pairs]
    more = median((x - y) / steps * 1000 for x, y in pairs)
    return (
        f"| {what} | {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | {more:.2f} |"
    )


def rows() -> Iterator[str]:
    """What is compared, ours / bare (median, range), and milliseconds more a step."""
    for strategy, model in (("prompt", coop), ("cocoop", cocoop), ("clip_adapter", clip_adapter)):
        prepared = prepare(run_config("toy_landcover", strategy))
        prepared.benchmark.label_store.reveal_all()
        train = prepared.config.strategy_config.train
        count = len(prepared.benchmark.view.plan.streams["train"][0].ids)
        steps = train.epochs * -(-count // train.batch_size)
        yield compare(
            f"{strategy}, warm, {steps} steps",
            train_ours,
            partial(train_bare, model=model),
            prepared,
            steps,
        )
    prepared = prepare(run_config("toy_landcover", "zscl", overrides=("train.epochs=1",)))
    prepared.benchmark.label_store.reveal_all()
    steps = -(-count // prepared.config.strategy_config.train.batch_size)
    what = f"zscl, the teacher cached, {steps} steps"
    yield compare(what, train_ours, zscl_bare, prepared, steps)
    prepared = prepare(run_config("toy_scans_vqa", "answers_product", overrides=["train.epochs=5"]))
    prepared.benchmark.label_store.reveal_all()
    train = prepared.config.strategy_config.train
    count = len(prepared.benchmark.view.plan.streams["train"][0].ids)
    steps = train.epochs * -(-count // train.batch_size)
    yield compare(
        f"answering questions (toy_scans_vqa), {steps} steps",
        train_ours,
        train_bare_answers,
        prepared,
        steps,
    )
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare(run_config(str(features(Path(folder))), "linear"))
    prepared.benchmark.label_store.reveal_all()
    experiences = len(prepared.benchmark.view.plan.streams["test"])
    what = f"evaluation, {IMAGES} images of width {WIDTH} in {experiences} experiences"
    yield compare(what, evaluate_ours, evaluate_bare, prepared, experiences)
    yield ridge()


def ridge() -> str:
    """RanPAC at a published size against its matrix products. lambda is fixed: to choose it is
    other mathematics.
    """
    settings = (f"adapter.random_features={RIDGE_FEATURES}", "adapter.ridge=1.0")
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare(
            run_config(
                str(features(Path(folder), images=RIDGE_IMAGES)), "ranpac", overrides=settings
            )
        )
    prepared.benchmark.label_store.reveal_all()
    steps = sum(-(-len(step.ids) // 256) for step in prepared.benchmark.view.plan.streams["train"])
    what = f"RanPAC, {RIDGE_FEATURES:,} random features, {RIDGE_IMAGES:,} samples, {steps} steps"
    return compare(
        what, regress_ours, regress_bare, prepared, steps, rounds=RIDGE_ROUNDS, warm=False
    )


def main() -> None:
    warnings.filterwarnings("ignore")
    print("| | ours / bare: median (range) | ms more a step |\n| --- | ---: | ---: |")
    for row in rows():
        print(row, flush=True)


if __name__ == "__main__":
    main()

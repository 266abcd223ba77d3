"""What caching is worth with towers of published size: a stream learned by plain Avalanche, by a
bare loop, and by a run of the suite, cold and warm: `make perf`.

A CLIP ViT-B/32 with random weights; a context of words is learned (CoOp) over 10 classes in 5
experiences of 8 training images each, one epoch; 20 test images are scored before the first and
after each experience. Each variant is a process of its own; what is reported is the processor time
of its work, behind imports and loading of weights, and the peak of its memory.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import clvl_bench  # noqa: F401 (first: lets any build of torch import torchvision, which Avalanche wants)
from clvl_bench.core.resources import peak_mib
from clvl_bench.runs.libraries import import_libraries

ROUNDS = int(os.environ.get("ROUNDS", "3"))
CLASSES, EXPERIENCES, TRAIN, TEST, SIDE = 10, 5, 4, 2, 64
"""Training and test images are counted a class."""
GROUPS = [(label, label + 1) for label in range(0, CLASSES, CLASSES // EXPERIENCES)]
BENCHMARK = """version = 1
scenario = "class_incremental"
datasets = ["stream"]
classes_per_experience = [2, 2, 2, 2, 2]
label_space = "dataset"
[dataset.stream]
classes = {names}
templates = ["a photo of a {{}}."]
[dataset.stream.source]
kind = "folder"
path = "images"
"""
STRATEGY = """version = 1
[adapter]
kind = "prompt"
[train]
epochs = 1
batch_size = 32
optimizer = "sgd"
lr = 2e-3
"""


def make(folder: Path) -> None:
    """A random ViT-B/32 in transformers' layout, images as a folder of JPEGs, a benchmark and a
    strategy.
    """
    import shutil

    import torch
    from PIL import Image
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    from clvl_bench.backbones.catalog import assets
    from clvl_bench.data.toy.index import WORLDS

    tokenizer = CLIPTokenizer.from_pretrained(assets())
    config = CLIPConfig()  # its defaults are ViT-B/32
    config.text_config.bos_token_id, config.text_config.eos_token_id = (
        tokenizer.bos_token_id,
        tokenizer.eos_token_id,
    )
    # A tokenizer of far fewer words than the weights have would be refused.
    config.text_config.vocab_size = len(tokenizer)
    torch.manual_seed(0)
    CLIPModel(config).save_pretrained(folder / "clip")
    tokenizer.save_pretrained(folder / "clip")
    published = json.loads((assets() / "preprocessor_config.json").read_text())
    published |= {"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}}
    (folder / "clip" / "preprocessor_config.json").write_text(json.dumps(published))
    world = WORLDS["optical"]
    for split, count in (("train", TRAIN), ("test", TEST)):
        for index in range(count * CLASSES):
            picture = world.picture(f"perf {split}", index)
            path = (
                folder
                / "images"
                / split
                / world.classes[picture.label].replace(" ", "_")
                / f"{index:03d}.jpg"
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture.image).resize((SIDE, SIDE)).save(path, quality=90)
    names = sorted(path.name for path in (folder / "images" / "train").iterdir())
    (folder / "stream.toml").write_text(BENCHMARK.format(names=json.dumps(names)))
    (folder / "coop.toml").write_text(STRATEGY)
    shutil.rmtree(folder / "home", ignore_errors=True)


class Stream:
    """The images and labels of a split in the order of classes, and the classes of each
    experience.
    """

    def __init__(self, folder: Path, split: str) -> None:
        self.names = sorted(path.name for path in (folder / "images" / "train").iterdir())
        files = [
            (path, label)
            for label, name in enumerate(self.names)
            for path in folder.glob(f"images/{split}/{name}/*")
        ]
        self.files, self.labels = [path for path, _ in files], [label for _, label in files]

    def rows(self, labels: tuple[int, ...]) -> list[int]:
        return [row for row, label in enumerate(self.labels) if label in labels]

    def pixels(self, rows: list[int], backbone: Any) -> Any:
        import torch

        return torch.stack([decoded(self.files[row], backbone) for row in rows])


def decoded(file: Path, backbone: Any) -> Any:
    """Pixels of an image as the suite makes them: the mathematics is to be the same."""
    import numpy as np
    import torch
    from PIL import Image

    return torch.from_numpy(backbone.preprocessing(np.asarray(Image.open(file).convert("RGB"))))


def loaded(folder: Path) -> Any:
    from clvl_bench.backbones.loading import load_backbone

    return load_backbone(str(folder / "clip"))


def plain_avalanche(folder: Path) -> Callable[[], None]:
    """Avalanche's `Naive` over pixels, and a module as users write it: every forward pass runs both
    towers.
    """
    import torch
    from avalanche.benchmarks import benchmark_from_datasets
    from avalanche.benchmarks.utils import as_classification_dataset
    from avalanche.evaluation.metrics import accuracy_metrics
    from avalanche.training.plugins import EvaluationPlugin
    from avalanche.training.supervised import Naive
    from torch import nn

    backbone = loaded(folder)

    class CoOp(nn.Module):
        def __init__(self, names: list[str]) -> None:
            super().__init__()
            ids = torch.full((len(names), 77), backbone.tokenize(["a"]).ids[0, -1].item())
            texts = backbone.tokenize([f"a photo of a {name.replace('_', ' ')}." for name in names])
            ids[:, : texts.ids.shape[1]] = texts.ids
            self.ends, self.towers = texts.ends, backbone.towers
            with torch.no_grad():
                self.words = self.towers.embed(ids)
            self.context = nn.Parameter(self.words[0, 1:5].clone())

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            images = self.towers.image(pixels)
            words = torch.cat(
                [
                    self.words[:, :1],
                    self.context.expand(len(self.words), -1, -1),
                    self.words[:, 5:],
                ],
                dim=1,
            )
            texts = self.towers.text(words, self.ends)
            images, texts = (
                images / images.norm(dim=-1, keepdim=True),
                texts / texts.norm(dim=-1, keepdim=True),
            )
            return backbone.logit_scale * images @ texts.T

    class Photos(torch.utils.data.Dataset):  # type: ignore[type-arg]
        def __init__(self, stream: Stream, labels: tuple[int, ...]) -> None:
            rows = stream.rows(labels)
            self.files, self.targets = (
                [stream.files[row] for row in rows],
                [stream.labels[row] for row in rows],
            )

        def __len__(self) -> int:
            return len(self.files)

        def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
            return decoded(self.files[row], backbone), self.targets[row]

    def work() -> None:
        train, test = Stream(folder, "train"), Stream(folder, "test")
        streams = {
            name: [as_classification_dataset(Photos(stream, group)) for group in GROUPS]
            for name, stream in (("train", train), ("test", test))
        }
        benchmark = benchmark_from_datasets(**streams)
        model = CoOp(train.names)
        strategy = Naive(
            model=model,
            optimizer=torch.optim.SGD([model.context], lr=2e-3, momentum=0.9),
            criterion=nn.CrossEntropyLoss(),
            train_mb_size=32,
            train_epochs=1,
            eval_mb_size=32,
            evaluator=EvaluationPlugin(accuracy_metrics(experience=True), loggers=[]),
        )
        strategy.eval(benchmark.test_stream)
        for experience in benchmark.train_stream:
            strategy.train(experience)
            strategy.eval(benchmark.test_stream)

    return work


def bare(folder: Path, *, cached: bool, warm: bool) -> Callable[[], None]:
    """The loop as one would write it by hand; with `cached` each image is encoded once, with `warm`
    that was done before.
    """
    import torch

    from clvl_bench.backbones.base import l2_normalize
    from clvl_bench.data.catalog.candidate import Candidate
    from clvl_bench.methods.prompt.config import PromptConfig
    from clvl_bench.methods.registry import build_adapter

    backbone, kept = loaded(folder), folder / "bare_features.pt"
    features: dict[Stream, Any] = {}

    def images(stream: Stream, rows: list[int]) -> Any:
        return (
            features[stream][rows]
            if cached
            else backbone.image_features(stream.pixels(rows, backbone))
        )

    def work() -> None:
        train, test = streams = Stream(folder, "train"), Stream(folder, "test")
        if cached:
            if not warm:
                encoded = [
                    backbone.image_features(
                        stream.pixels(stream.rows(tuple(range(CLASSES))), backbone)
                    )
                    for stream in streams
                ]
                torch.save(encoded, kept)
            features.update(zip(streams, torch.load(kept, weights_only=True), strict=True))
        table = [Candidate(name, "stream", ("a photo of a {}.",)) for name in train.names]
        prompt = build_adapter(PromptConfig(), backbone, table, seed=0).train()
        evaluate(prompt, test)
        for group in GROUPS:
            optimizer = torch.optim.SGD(prompt.parameters(), lr=2e-3, momentum=0.9)
            rows = train.rows(group)
            labels = torch.tensor([train.labels[row] - group[0] for row in rows])
            scores = (
                backbone.logit_scale
                * l2_normalize(images(train, rows))
                @ prompt.classifier(group).T
            )
            loss = torch.nn.functional.cross_entropy(scores, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            evaluate(prompt, test)

    def evaluate(prompt: Any, test: Stream) -> None:
        prompt.forget_classifiers()
        with torch.no_grad():
            texts = prompt.classifier(tuple(range(CLASSES)))
            for group in GROUPS:
                (l2_normalize(images(test, test.rows(group))) @ texts.T).argmax(dim=1)

    return work


def ours(folder: Path, *, home: str) -> Callable[[], None]:
    """A whole run: it reads, encodes what is not encoded, learns, evaluates, and writes all its
    records and states.
    """
    import_libraries()  # as its command and workers begin
    from clvl_bench.runs import runner
    from clvl_bench.runs.files import run_config
    from clvl_bench.runs.setup import Sources

    os.environ["CLVL_HOME"] = str(folder / home)
    backbone = loaded(folder)  # before the clock runs, as for the others

    class Loaded(Sources):
        def backbone(self, *asked: Any, **how: Any) -> Any:
            return backbone

    runner.reset_peak = lambda: None  # the peak of the whole process is compared
    config = run_config(
        str(folder / "stream.toml"), str(folder / "coop.toml"), backbone=str(folder / "clip")
    )

    def work() -> None:
        with tempfile.TemporaryDirectory() as results:
            runner.run(config, results=Path(results), progress=False, sources=Loaded())

    return work


VARIANTS: dict[str, Callable[[Path], Callable[[], None]]] = {
    "plain Avalanche, Naive": plain_avalanche,
    "bare loop, nothing cached": lambda folder: bare(folder, cached=False, warm=False),
    "bare loop, cached, cold": lambda folder: bare(folder, cached=True, warm=False),
    "bare loop, cached, warm": lambda folder: bare(folder, cached=True, warm=True),
    "a run of the suite, cold": lambda folder: ours(folder, home=f"home{os.getpid()}"),
    "a run of the suite, warm": lambda folder: ours(folder, home="home"),
}


def measure(variant: str, folder: Path) -> dict[str, float]:
    """Seconds of processor time and the peak of memory of a variant, in a process of its own."""
    command = [sys.executable, __file__, variant, str(folder)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    if done.returncode:
        raise SystemExit(f"{variant}: {done.stderr}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    if len(sys.argv) > 1:
        warnings.filterwarnings("ignore")
        work = VARIANTS[sys.argv[1]](Path(sys.argv[2]))
        import torch

        torch.set_num_threads(1)
        start = time.process_time()
        work()
        spent = time.process_time() - start
        print(json.dumps({"seconds": spent, "mib": peak_mib()}))
        return
    print(f"| random ViT-B/32, {CLASSES * TRAIN} + {CLASSES * TEST} images | | |")
    print("| --- | ---: | ---: |")
    for row in rows():
        print(row, flush=True)


def rows() -> Iterator[str]:
    """What is compared, the ratio of processor time (median, range), and that of memory."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make(folder)
        measure("a run of the suite, warm", folder)  # fills the cache
        rounds = [
            {variant: measure(variant, folder) for variant in VARIANTS} for _ in range(ROUNDS)
        ]
    cold, warm = "a run of the suite, cold", "a run of the suite, warm"
    for of, over in (
        ("plain Avalanche, Naive", cold),
        ("plain Avalanche, Naive", warm),
        (cold, "bare loop, cached, cold"),
        (warm, "bare loop, cached, warm"),
    ):
        seconds = [each[of]["seconds"] / each[over]["seconds"] for each in rounds]
        memory = median(each[of]["mib"] / each[over]["mib"] for each in rounds)
        yield f"| ViT-B/32: {of} / {over} | {cell(seconds)} | {memory:.2f} of its memory |"


def cell(ratios: list[float]) -> str:
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    main()

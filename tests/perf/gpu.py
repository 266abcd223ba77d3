"""What a GPU does with the suite, in at most ten minutes: `python tests/perf/gpu.py`.

Random CLIP towers of published shapes: images a second in fp32, tf32, bf16 and fp16, and the share
of the device's own rate of matrix products that this is; steps of full fine-tuning and of ZSCL; a
stream cold and warm; the suite over a bare loop. `--toy` takes towers of two thin layers, so that
the script itself can be tried on a processor: its figures mean nothing.
"""

import argparse
import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import get_args

import clvl_bench  # noqa: F401 (first: lets any build of torch import torchvision, which Avalanche wants)

# isort: split
import torch
import vit
from avalanche.training.plugins import EvaluationPlugin
from finetune import bare_loop

from clvl_bench.backbones.base import TowerBackbone
from clvl_bench.backbones.catalog import Precision, assets
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.backbones.precision import HALF, products_in
from clvl_bench.runs import runner
from clvl_bench.runs.files import run_config
from clvl_bench.runs.setup import Prepared, Sources, prepare
from clvl_bench.training.strategy import build_strategy

MINUTES = 9
"""No part begins later than this."""

SHAPES = {  # width, layers, heads, patch, width of texts, projection
    "ViT-B/32": (768, 12, 12, 32, 512, 512),
    "ViT-B/16": (768, 12, 12, 16, 512, 512),
    "ViT-L/14": (1024, 24, 16, 14, 768, 768),
}
TOY = (32, 2, 2, 32, 32, 16)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


class Clock:
    """Seconds of work on a device, which is waited for; on a processor those it computed."""

    def __init__(self, device: str) -> None:
        self.on_gpu = device.startswith("cuda")

    def now(self) -> float:
        if self.on_gpu:
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()

    def of(self, work: Callable[[], object], *, rounds: int = 5) -> float:
        """The median of some rounds, behind one that is not counted."""
        work()
        spent = []
        for _ in range(rounds):
            start = self.now()
            work()
            spent.append(self.now() - start)
        return median(spent)


def product_rate(device: str, precision: Precision, side: int) -> float:
    """Operations a second of a square matrix product."""
    kind = HALF.get(precision, torch.float32)
    a = torch.randn(side, side, device=device).to(kind)
    b = torch.randn(side, side, device=device).to(kind)
    with products_in(precision, device):
        return 2 * side**3 / Clock(device).of(lambda: a @ b)


def write_towers(folder: Path, shape: tuple[int, ...]) -> None:
    """A CLIP with random weights in transformers' layout, for images of 224 pixels."""
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

    width, layers, heads, patch, text, projection = shape
    tokenizer = CLIPTokenizer.from_pretrained(assets())
    words = {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    sizes = {"num_hidden_layers": layers, "projection_dim": projection}
    image = {"hidden_size": width, "intermediate_size": 4 * width, "num_attention_heads": heads}
    texts = {"hidden_size": text, "intermediate_size": 4 * text}
    texts |= {"num_attention_heads": max(1, text // 64), "num_hidden_layers": min(layers, 12)}
    config = CLIPConfig(
        text_config={"projection_dim": projection, **texts, **words},
        vision_config={**sizes, **image, "image_size": 224, "patch_size": patch},
        projection_dim=projection,
    )
    torch.manual_seed(0)
    CLIPModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    published = json.loads((assets() / "preprocessor_config.json").read_text())
    published |= {"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}}
    (folder / "preprocessor_config.json").write_text(json.dumps(published))


def operations(shape: tuple[int, ...]) -> float:
    """Of an image's way through the tower: weights and attention, the patches' projection apart."""
    width, layers, _, patch, *_ = shape
    tokens = (224 // patch) ** 2 + 1
    of_weights = 2 * 12 * width**2 * tokens
    of_attention = 4 * tokens**2 * width
    return float(layers * (of_weights + of_attention))


def encoding(folder: Path, device: str, shape: tuple[int, ...], batch: int) -> Iterator[str]:
    """A cell for each precision: images a second, and the share of the device's rate."""
    backbone = load_backbone(str(folder), device=device)
    assert isinstance(backbone, TowerBackbone)
    pixels = torch.randint(0, 256, (batch, 3, 224, 224), dtype=torch.uint8, device=device)
    side = 4096 if batch > 8 else 128
    for precision in PRECISIONS:
        backbone.precision = precision
        rate = batch / Clock(device).of(partial(backbone.image_features, pixels), rounds=3)
        share = rate * operations(shape) / product_rate(device, precision, side)
        yield f"{rate:,.0f} ({share:.2f})"


class On(Sources):
    """A backbone that is loaded already."""

    def __init__(self, backbone: TowerBackbone) -> None:
        self._backbone = backbone

    def backbone(self, *asked: object, **how: object) -> TowerBackbone:  # type: ignore[override]
        return self._backbone


def training(folder: Path, device: str, limit: int) -> Iterator[str]:
    """Steps a second, and of full fine-tuning the suite over a bare loop."""
    clock = Clock(device)
    for name in ("finetune", "zscl", "prompt"):
        config = run_config(
            "toy_landcover", name, backbone=str(folder), limit=limit, overrides=["train.epochs=1"]
        )
        prepared = prepare(config, device=device)
        prepared.benchmark.label_store.reveal_all()
        train = prepared.config.strategy_config.train
        n = len(prepared.benchmark.view.plan.streams["train"][0].ids)
        steps = -(-n // train.batch_size)
        spent = clock.of(partial(train_one, prepared), rounds=3)
        cell = f"{steps / spent:.2f} a second"
        if name == "finetune":
            bare = clock.of(bare_loop(prepared, 1), rounds=3)
            cell += f", {spent / bare:.2f} of a bare loop's time"
        yield f"| {name}, {steps} steps of {min(n, train.batch_size)} | {cell} |"


def train_one(prepared: Prepared) -> None:
    """The first experience, by a new learner."""
    strategy = build_strategy(
        prepared.config.strategy_config,
        prepared.backbone,
        prepared.benchmark.view,
        evaluator=EvaluationPlugin(loggers=[], collect_all=False),
        seed=0,
        features=prepared.features,
        device=prepared.device,
    )
    strategy.train(prepared.benchmark.scenario.train_stream[0], eval_streams=[])


def stream(folder: Path, device: str) -> Iterator[str]:
    """A whole run of prompt learning, with nothing cached and with everything."""
    vit.make(folder)
    config = run_config(
        str(folder / "stream.toml"), str(folder / "coop.toml"), backbone=str(folder / "clip")
    )
    backbone = load_backbone(str(folder / "clip"), device=device)
    assert isinstance(backbone, TowerBackbone)
    clock = Clock(device)
    for how in ("cold", "warm"):
        backbone.forget()
        with tempfile.TemporaryDirectory() as results:
            start = clock.now()
            result = runner.run(
                config, results=Path(results), device=device, progress=False, sources=On(backbone)
            )
            spent = clock.now() - start
        peak = result.timing.get("peak_device_memory_mib")
        memory = "" if peak is None else f", {peak:.0f} MiB of the device"
        yield f"| a stream of ViT-B/32, {how} | {spent:.2f} s{memory} |"


def main() -> None:
    parser = argparse.ArgumentParser()
    default = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=default)
    parser.add_argument("--toy", action="store_true", help="towers of two thin layers")
    asked = parser.parse_args()
    if asked.device == "cpu" and not asked.toy:
        raise SystemExit("there is no GPU here; --toy tries the script on a processor")
    warnings.filterwarnings("ignore")
    began = time.monotonic()
    shapes = {"toy": TOY} if asked.toy else SHAPES
    batch = 4 if asked.toy else 256
    name = torch.cuda.get_device_name() if asked.device.startswith("cuda") else "a processor"
    print(f"| {name}, torch {torch.__version__} | {' | '.join(PRECISIONS)} |")
    print(f"| --- |{' ---: |' * len(PRECISIONS)}")
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        os.environ["CLVL_HOME"] = str(root / "home")
        for shape_name, shape in shapes.items():
            if (time.monotonic() - began) / 60 > MINUTES:
                break
            (root / shape_name.replace("/", "")).mkdir()
            folder = root / shape_name.replace("/", "")
            write_towers(folder, shape)
            cells = encoding(folder, asked.device, shape, batch)
            print(f"| {shape_name}, images a second (share) | {' | '.join(cells)} |", flush=True)
        first = root / next(iter(shapes)).replace("/", "")
        parts = [training(first, asked.device, 20 if asked.toy else 320)]
        if not asked.toy:
            (root / "stream").mkdir()
            parts.append(stream(root / "stream", asked.device))
        print("\n| | |\n| --- | ---: |")
        for part in parts:
            if (time.monotonic() - began) / 60 > MINUTES:
                print("| the rest | no time |")
                break
            for line in part:
                print(line, flush=True)


if __name__ == "__main__":
    main()

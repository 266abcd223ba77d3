"""Does a prediction depend on the samples that are asked about together? One trained model, its
test samples put together in batches in four ways.

    python experiments/batch_independence.py --orders 0 1 2 --out results/batches.csv
    python experiments/batch_independence.py --table results/batches.csv

Run it in a folder whose datasets.toml says where the features of WHU-RS19 lie
(docs/howto/datasets.md). Each model is trained by the runner, as `clvl-bench run` would, and is
asked behind its last experience: about all test samples of the stream, all classes of their dataset
being candidates. Batches have 64 samples, as the released code of PROOF has.

- one dataset: each batch has samples of one experience alone, as a released test loader has those
  of one task, in an order that is drawn;
- mixed: samples of all experiences, in an order that is drawn;
- single: one sample;
- sorted by class: samples of all experiences in the order of their classes.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from clvl_bench.core.rng import rng
from clvl_bench.methods._base.adapter import Adapter, predict
from clvl_bench.methods.registry import build_adapter
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.files import run_config
from clvl_bench.runs.observer import RunObserver
from clvl_bench.runs.runner import run
from clvl_bench.runs.setup import Prepared
from clvl_bench.training.strategy import AdaptationStrategy

BATCH = 64
BATCHES = ("one dataset", "mixed", "single", "sorted by class")


RELEASED = "released"
PER_SAMPLE = "per sample"


@dataclass(frozen=True)
class Subject:
    """A method, and where it is asked.

    Args:
        forms: the strategy of each form. Each is trained, unless the forms `train_alike`: then the
            first is, and the others are given what it learned.
    """

    method: str
    benchmark: str
    backbone: str
    forms: Mapping[str, str]
    train_alike: bool
    overrides: Mapping[str, tuple[str, ...]]


NOTHING_HELD_OUT = ("benchmark.zeroshot=[]",)
SUBJECTS = (
    Subject(
        "MoE-Adapters",
        "toy_landcover",
        "tiny",
        {RELEASED: "moe_adapters_batch", PER_SAMPLE: "moe_adapters"},
        train_alike=True,
        overrides={RELEASED: NOTHING_HELD_OUT, PER_SAMPLE: NOTHING_HELD_OUT},
    ),
    Subject(
        "DIKI",
        "toy_landcover",
        "tiny",
        {RELEASED: "diki_batch", PER_SAMPLE: "diki"},
        train_alike=True,
        overrides={RELEASED: NOTHING_HELD_OUT, PER_SAMPLE: NOTHING_HELD_OUT},
    ),
    Subject(
        "PROOF",
        "whu_rs19",
        "clip-vit-base-patch32",
        {RELEASED: "proof_batch", PER_SAMPLE: "proof"},
        train_alike=False,
        # As many epochs as validation scenes prefer for the released form (results/SELECTION.md).
        overrides={RELEASED: ("train.epochs=20",), PER_SAMPLE: ()},
    ),
)


class Keep(RunObserver):
    """Holds what a run trained, so that it can be asked once the run has ended."""

    strategy: AdaptationStrategy
    setup: Prepared

    def strategy_built(
        self, strategy: AdaptationStrategy, prepared: Prepared, *, untouched: bool
    ) -> None:
        if not untouched:
            self.strategy = strategy
            self.setup = prepared


def batches_of(way: str, experiences: list[Tensor], labels: Tensor, order: int) -> list[Tensor]:
    """The sample ids of each batch.

    Args:
        experiences: sample ids of each test experience.
        labels: the class of every sample by its id.
    """
    everything = torch.cat(experiences)
    if way == "single":
        return list(everything.split(1))
    if way == "sorted by class":
        return list(everything[labels[everything].argsort(stable=True)].split(BATCH))
    generator = rng("batches", way, order)
    groups = experiences if way == "one dataset" else [everything]
    found = []
    for ids in groups:
        shuffled = ids[torch.from_numpy(generator.permutation(len(ids)))]
        found += shuffled.split(BATCH)
    return found


@torch.no_grad()
def predictions(adapter: Adapter, setup: Prepared, batches: list[Tensor]) -> Mapping[int, int]:
    """The predicted class of each sample by its id, when it is asked about in these batches."""
    view = setup.benchmark.view
    found: dict[int, int] = {}
    for ids in batches:
        (task,) = set(view.plan.tasks[ids.numpy()].tolist())  # the stream is of one dataset
        candidates = view.plan.task_classes[task]
        scores = adapter.logits(view.inputs(ids), candidates)
        chosen = np.asarray(candidates)[predict(scores).numpy()]
        found.update(zip(ids.tolist(), chosen.tolist(), strict=True))
    return found


def config_of(subject: Subject, form: str, order: int) -> RunConfig:
    """The run of a form, its seed being the number of its class order."""
    return run_config(
        subject.benchmark,
        subject.forms[form],
        backbone=subject.backbone,
        seed=order,
        overrides=(*subject.overrides[form], f"benchmark.class_order_seed={order}"),
    )


def rows_of(subject: Subject, order: int) -> Iterator[dict[str, object]]:
    """Train it, and ask each of its forms in each way."""
    kept: Keep | None = None
    for form in subject.forms:
        config = config_of(subject, form, order)
        if kept is None or not subject.train_alike:
            kept = Keep()
            # In a folder of its own: a run that is finished already trains nothing.
            with TemporaryDirectory() as results:
                result = run(config, results=Path(results), progress=False, observer=kept)
            adapter = kept.strategy.adapter
        else:
            learned = adapter.state()
            plan = kept.setup.benchmark.view.plan
            settings = config.strategy_config.adapter
            adapter = build_adapter(settings, kept.setup.backbone, plan.classes, seed=order)
            adapter.load(learned)
        origin = {"run": result.provenance["run"], "commit": result.provenance["code"]["commit"]}
        for row in asked_in_each_way(adapter.eval(), kept.setup, order):
            of = {"method": subject.method, "form": form, "benchmark": subject.benchmark}
            yield {**of, "backbone": subject.backbone, "order": order, **row, **origin}


def asked_in_each_way(adapter: Adapter, setup: Prepared, order: int) -> Iterator[dict[str, object]]:
    """Accuracy in percent, and how many predictions are others than of the sample alone."""
    labels = torch.from_numpy(setup.benchmark.label_store._labels)
    experiences = [torch.from_numpy(spec.ids) for spec in setup.benchmark.view.plan.streams["test"]]
    said = {}
    for way in BATCHES:
        batches = batches_of(way, experiences, labels, order)
        said[way] = predictions(adapter, setup, batches)
    for way in BATCHES:
        right = [label == int(labels[sample]) for sample, label in said[way].items()]
        moved = [label != said["single"][sample] for sample, label in said[way].items()]
        yield {
            "batches": way,
            "samples": len(right),
            "accuracy": round(100 * float(np.mean(right)), 4),
            "moved": round(100 * float(np.mean(moved)), 4),
        }


def table(path: Path) -> str:
    """The rows as Markdown: mean and standard deviation over class orders."""
    frame = pd.read_csv(path)
    lines = [
        "| method | form | asked on | orders | " + " | ".join(BATCHES) + " | moved, at most |",
        "| --- | --- | --- | ---: | " + "---: | " * len(BATCHES) + "---: |",
    ]
    keys = ["method", "form", "benchmark"]
    for (method, form, benchmark), rows in frame.groupby(keys, sort=False):
        cells = []
        for way in BATCHES:
            found = rows.loc[rows["batches"] == way, "accuracy"]
            spread = f" ± {found.std():.1f}" if len(found) > 1 else ""
            cells.append(f"{found.mean():.1f}{spread}")
        moved = rows.groupby("batches")["moved"].mean().max()
        orders = rows["order"].nunique()
        where = f"`{benchmark}`"
        start = f"| {method} | {form} | {where} | {orders} | "
        lines.append(f"{start}{' | '.join(cells)} | {moved:.1f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--orders", type=int, nargs="+", default=[0])
    parser.add_argument("--methods", nargs="+", default=[each.method for each in SUBJECTS])
    parser.add_argument("--out", type=Path, default=Path("results/batches.csv"))
    parser.add_argument("--table", type=Path, help="show the table of these rows, and ask nobody")
    chosen = parser.parse_args()
    if chosen.table is not None:
        print(table(chosen.table))
        return
    rows: list[dict[str, object]] = []
    for order in chosen.orders:
        for subject in SUBJECTS:
            if subject.method in chosen.methods:
                rows += rows_of(subject, order)
                pd.DataFrame(rows).to_csv(chosen.out, index=False)
                print(subject.method, "order", order, file=sys.stderr)


if __name__ == "__main__":
    main()

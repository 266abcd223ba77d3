"""A plain torch model on our benchmark under Avalanche's own `Naive` and `Replay`: nothing of ours
learns here.

A linear layer on the frozen backbone's image features is trained once without and once with
Avalanche's replay. Our PluginMetrics measure both, into plain_naive.csv and plain_replay.csv in the
current folder. The backbone is the embedded toy CLIP: what comes out are facts about a toy."""

from pathlib import Path

import clvl_bench  # noqa: F401 (first: lets any build of torch import torchvision, which Avalanche wants)

# isort: split
import torch
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import Naive, Replay

from clvl_bench.api import avalanche_benchmark
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.training.evaluation import Accuracy, Forgetting, RecordLogger

LIMIT = 400
"""Samples a split, so that this takes seconds. None takes all."""

torch.set_num_threads(1)
backbone = load_backbone("tiny")
benchmark = avalanche_benchmark("toy_landcover", backbone, limit=LIMIT)
scenario, plan = benchmark.scenario, benchmark.view.plan

for name, template, options in (("naive", Naive, {}), ("replay", Replay, {"mem_size": 100})):
    torch.manual_seed(
        0
    )  # Avalanche draws from the global generator: initial weights, order, memory
    # Labels are places in the benchmark's table of classes, so the layer has a row for each of
    # them.
    model = torch.nn.Sequential(
        torch.nn.LayerNorm(backbone.width), torch.nn.Linear(backbone.width, len(plan.classes))
    )
    coordinates = {
        "benchmark": "toy_landcover", "label_space": plan.label_space, "strategy": f"plain linear, "
                                                                                   f"{name}",
        "backbone": backbone.name, "seed": 0, "class_order": 0,
    }  # fmt: skip
    log = RecordLogger(coordinates, path=Path(f"plain_{name}.csv"))
    strategy = template(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.05),
        criterion=torch.nn.CrossEntropyLoss(),
        train_mb_size=16,
        train_epochs=5,
        eval_mb_size=256,
        evaluator=EvaluationPlugin(Accuracy(), Forgetting(), loggers=[log], collect_all=False),
        **options,
    )
    for experience in scenario.train_stream:
        strategy.train(experience)
        strategy.eval(scenario.test_stream)
    forgetting = [record.value for record in log.records if record.metric == "forgetting"]
    print(
        f"{name}: forgetting after each experience "
        + " ".join(f"{value:.3f}" for value in forgetting)
    )

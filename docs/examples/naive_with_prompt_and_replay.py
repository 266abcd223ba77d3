"""Prompt learning and replay as plugins of Avalanche's own `Naive`, without this suite's runner.

The benchmark, the plugins and the metrics are ours; strategy, optimiser and training loop are
Avalanche's. A prompt learns the stream once without and once with a small memory. Accuracy,
forgetting and zero-shot accuracy go through an Avalanche `EvaluationPlugin` into prompt.csv and
prompt_replay.csv in the current folder. The backbone is the embedded toy CLIP: what comes out are
facts about a toy."""

from pathlib import Path

import clvl_bench  # noqa: F401 (first: lets any build of torch import torchvision, which Avalanche wants)

# isort: split
import torch
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.supervised import Naive

from clvl_bench.api import avalanche_benchmark
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.methods._base.adaptation import Adaptation
from clvl_bench.methods.prompt.config import PromptConfig
from clvl_bench.methods.registry import build_adapter
from clvl_bench.methods.replay.plugin import Replay
from clvl_bench.training.evaluation import Accuracy, Forgetting, RecordLogger, ZeroShotAccuracy

LIMIT = 400
"""Samples a split, so that this takes seconds. None takes all."""

torch.set_num_threads(1)
backbone = load_backbone("tiny")
benchmark = avalanche_benchmark("toy_landcover", backbone, limit=LIMIT)
scenario, plan = benchmark.scenario, benchmark.view.plan

for name, memory in (("prompt", []), ("prompt_replay", [Replay(memory_size=100, seed=0)])):
    torch.manual_seed(0)  # the order of Avalanche's data loaders
    # The adapter is the model. The frozen backbone is no part of it, so its parameters are the
    # learned context alone.
    adapter = build_adapter(PromptConfig(), backbone, plan.classes, seed=0)
    coordinates = {
        "benchmark": "toy_landcover", "label_space": plan.label_space, "strategy": f"naive, {name}",
        "backbone": backbone.name, "seed": 0, "class_order": 0,
    }  # fmt: skip
    log = RecordLogger(coordinates, path=Path(f"{name}.csv"))
    strategy = Naive(
        model=adapter,
        # Avalanche keeps this optimiser over all experiences; without momentum nothing is carried
        # from one to the next.
        optimizer=torch.optim.SGD(adapter.parameters(), lr=0.02),
        criterion=torch.nn.CrossEntropyLoss(),
        train_mb_size=32,
        train_epochs=3,
        eval_mb_size=256,
        # "seen": rehearsed samples are of earlier classes, so these are compared in training as
        # well.
        plugins=[Adaptation(adapter, train_classes="seen"), *memory],
        evaluator=EvaluationPlugin(
            Accuracy(), Forgetting(), ZeroShotAccuracy(), loggers=[log], collect_all=False
        ),
    )

    # One call for both streams: each stream's summary is then logged once an evaluation.
    tested = [*scenario.test_stream, *scenario.zeroshot_stream]
    strategy.eval(tested)  # row 0: the untouched backbone
    for experience in scenario.train_stream:
        strategy.train(experience)
        strategy.eval(tested)

    for record in log.records:
        if record.experience < 0 and record.trained == len(scenario.train_stream):
            print(f"{name}, at the end: {record.metric} {record.value:.3f}")

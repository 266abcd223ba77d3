"""Several processes as torchrun starts them, and what methods that rehearse or distil learn in two
of them.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from avalanche.core import SupervisedPlugin
from helpers.processes import joined
from safetensors.numpy import load_file
from safetensors.torch import save_file

from clvl_bench.core import world
from clvl_bench.methods._base.adapter import State
from clvl_bench.runs.files import run_config
from clvl_bench.runs.observer import RunObserver
from clvl_bench.runs.runner import run

pytestmark = pytest.mark.sweep


class Losses(SupervisedPlugin):
    """The loss of each step."""

    def __init__(self):
        super().__init__()
        self.values = []

    def after_backward(self, strategy, **kwargs):
        self.values.append(strategy.loss.item())


class Learned(RunObserver):
    """Losses of a run, and behind each experience what was learned."""

    def __init__(self, folder):
        self._folder = folder
        self.losses = Losses()

    def strategy_built(self, strategy, prepared, *, untouched):
        if not untouched:
            strategy.plugins.append(self.losses)

    def after_training(self, strategy, experience):
        state: State = strategy.adapter.state()
        tensors = {name: tensor.contiguous() for name, tensor in state.items()}
        save_file(tensors, self._folder / f"weights{world.rank()}.safetensors")
        losses = json.dumps(self.losses.values)
        (self._folder / f"losses{world.rank()}.json").write_text(losses)


def learned(folder, rank):
    losses = np.array(json.loads((folder / f"losses{rank}.json").read_text()))
    return losses, load_file(folder / f"weights{rank}.safetensors")


def predicted(folder):
    """All predictions of a run, one behind the other."""
    columns = []
    for path in sorted(folder.glob("runs/*/predictions/*.safetensors")):
        found = load_file(path)
        columns += [found[name] for name in sorted(found) if name.endswith("predicted")]
    return np.concatenate(columns)


@pytest.mark.parametrize("strategy", ["finetune_replay", "lwf", "derpp", "zscl", "lora_replay"])
def test_two_processes_learn_what_one_does(strategy, tmp_path):
    settings = ["train.epochs=2", "train.optimizer=sgd"]
    config = run_config("toy_landcover", strategy, limit=60, overrides=settings)
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()

    def work(rank):
        run(config, results=two, progress=False, observer=Learned(two))

    run(config, results=one, progress=False, observer=Learned(one))
    first, _ = joined(2, work)
    assert first.error is None, first.said
    losses, weights = learned(one, 0)
    assert len(losses) >= 10
    for rank in range(2):
        other_losses, other_weights = learned(two, rank)
        # Of the size of the loss: that of LwF is 50.
        assert other_losses == pytest.approx(losses, rel=1e-5, abs=1e-5)
        for name, tensor in weights.items():
            assert other_weights[name] == pytest.approx(tensor, abs=1e-6), name
    others = (predicted(one) != predicted(two)).mean()
    assert others <= 1e-3


def test_torchrun_starts_them_and_one_of_them_speaks(tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = ["-m", "clvl_bench", "run", "toy_landcover", "finetune", "--limit", "20"]
    settings = ["--set", "train.epochs=1", "--no-page", "--results", "results"]
    done = subprocess.run(
        [*torchrun, "--nproc-per-node", "2", *command, *settings],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Records") == 1
    assert "Traceback" not in done.stderr
    (result,) = tmp_path.glob("results/runs/*/result.json")
    assert json.loads(result.read_bytes())["provenance"]["world"] == 2

"""What a run may cost, counted and not timed: calls of models, reads, copies, files and bytes.

Clocks say little on machines that are shared; `make perf` has them. A count that rises here is one
that a stream of many experiences, or a published tower, would pay for.
"""

import json
from collections import Counter

import numpy as np
import pytest

from clvl_bench.backbones.precomputed import PrecomputedBackbone
from clvl_bench.core import files
from clvl_bench.runs import runner
from clvl_bench.runs.files import run_config
from clvl_bench.runs.observer import RunObserver
from clvl_bench.streams.scenario import Experience

EXPERIENCES, SAMPLES, WIDTH = 12, 10, 8
BENCHMARK = f"""version = 1
scenario = "class_incremental"
datasets = ["random"]
classes_per_experience = {[1] * EXPERIENCES}
label_space = "dataset"
valid_fraction = 0.0
[dataset.random]
classes = {[f"class {number}" for number in range(EXPERIENCES)]}
[dataset.random.source]
kind = "features"
backbone = "random"
path = "features.npz"
text = "text.npy"
splits = {{ train = [["x", "y"]], test = [["x", "y"]] }}
"""


class Counting(RunObserver):
    """Counts by what is under way: `train`, `evaluate`, `keep`, one number an experience."""

    def __init__(self):
        self.phase = "prepare"
        self.counts = []
        self.sizes = []
        self.state = None

    def count(self, what, n=1):
        if self.counts:
            self.counts[-1][self.phase, what] += n

    def strategy_built(self, strategy, prepared, *, untouched):
        self.counts or self.counts.append(Counter())
        logits = strategy.adapter.logits
        inputs = type(strategy._view.inputs).__call__

        def asked(*given):
            self.count("model")
            return logits(*given)

        def read(view, ids):
            self.count("read", len(ids))
            return inputs(view, ids)

        strategy.adapter.logits = asked
        view = strategy._view.inputs
        if not hasattr(view, "counted"):
            kind = type("Counted", (type(view),), {"__call__": read, "counted": True})
            view.__class__ = kind

    def before_training(self, strategy, experience):
        self.counts.append(Counter())
        self.phase = "train"

    def before_evaluation(self, strategy):
        self.phase = "evaluate"

    def after_evaluation(self, strategy):
        self.phase = "keep"

    def state_kept(self, checkpoint):
        folder = self.state / f"{checkpoint.done:04d}"
        self.sizes.append({path.name: path.stat().st_size for path in folder.iterdir()})


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """A run of twelve small experiences on features, and what was counted."""
    folder = tmp_path_factory.mktemp("bars")
    random = np.random.default_rng(0)
    labels = np.arange(EXPERIENCES * SAMPLES) % EXPERIENCES
    x = random.normal(size=(len(labels), WIDTH)).astype(np.float32)
    np.savez(folder / "features.npz", x=x, y=labels)
    np.save(folder / "text.npy", random.normal(size=(EXPERIENCES, WIDTH)).astype(np.float32))
    (folder / "stream.toml").write_text(BENCHMARK)
    config = run_config(
        str(folder / "stream.toml"), "linear", backbone="random", overrides=["train.epochs=1"]
    )
    observer = Counting()
    observer.state = folder / "runs" / config.id / "state"
    with pytest.MonkeyPatch.context() as patch:
        _counted(patch, observer, files, "before_change", "change of a file")
        _counted(patch, observer, Experience, "logging", "copy")
        _counted(patch, observer, PrecomputedBackbone, "_table", "table")
        patch.setattr("os.fsync", lambda descriptor: None)
        runner.run(config, results=folder, progress=False, observer=observer)
    return observer


def _counted(patch, observer, owner, name, what):
    whole = getattr(owner, name)

    def one_more(*given, **named):
        observer.count(what)
        return whole(*given, **named)

    patch.setattr(owner, name, one_more)


def every(observer, phase, what):
    """Of the evaluation of the untouched backbone and of each experience."""
    return [counts[phase, what] for counts in observer.counts]


def test_an_evaluation_asks_the_model_once_and_reads_each_sample_once(counted):
    assert every(counted, "evaluate", "model") == [1] * (EXPERIENCES + 1)
    samples = EXPERIENCES * SAMPLES
    assert every(counted, "evaluate", "read") == [samples] * (EXPERIENCES + 1)


def test_an_evaluation_copies_an_experience_three_times_at_most(counted):
    # Avalanche makes one for each callback of a metric, and one for the evaluation.
    assert max(every(counted, "evaluate", "copy")) <= 3 * EXPERIENCES + 1


def test_tables_of_classes_are_made_for_new_classes_alone(counted):
    made = 0
    for counts in counted.counts:
        made += sum(count for (_, what), count in counts.items() if what == "table")
    assert made <= EXPERIENCES + 4


def test_what_is_kept_changes_as_many_files_behind_the_last_experience_as_behind_the_second(
    counted,
):
    changes = every(counted, "keep", "change of a file")
    assert len(set(changes[2:-1])) == 1, changes
    assert changes[2] < 30


def test_a_checkpoint_grows_by_what_was_learned_and_the_names_of_a_segment(counted):
    values = [sizes["values.json"] for sizes in counted.sizes[1:]]
    assert max(np.diff(values)) < 400
    tensors = [sizes["tensors.safetensors"] for sizes in counted.sizes[1:]]
    row = 4 * (WIDTH + 1)
    assert max(np.diff(tensors)) <= row + 8, "a class's weights and bias, and the header's digits"
    assert counted.sizes[0]["tensors.safetensors"] < 100, "nothing is learned yet"


class Texts(RunObserver):
    """How often each evaluation goes through the text tower, and how often a run is prepared."""

    def __init__(self):
        self.calls = []
        self.prepares = 0

    def prepared(self, prepared):
        self.prepares += 1
        towers = prepared.backbone.towers
        text = towers.text

        def asked(*given):
            self.calls[-1:] = [call + 1 for call in self.calls[-1:]]
            return text(*given)

        towers.text = asked

    def before_evaluation(self, strategy):
        self.calls.append(0)

    def before_training(self, strategy, experience):
        self.calls.append(0)


def test_an_evaluation_of_learned_words_goes_through_the_text_tower_once(tmp_path):
    config = run_config(
        "toy_landcover",
        "prompt",
        limit=20,
        overrides=["train.epochs=1", "benchmark.zeroshot=[]"],
    )
    observer = Texts()
    result = runner.run(config, results=tmp_path, progress=False, observer=observer)
    assert observer.prepares == 1
    evaluations = observer.calls[2::2]
    assert evaluations == [1] * len(evaluations)
    summary = json.loads((result.folder / "result.json").read_bytes())
    assert len(evaluations) == len(summary["segments"]) - 1

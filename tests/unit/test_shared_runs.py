"""A run that several processes share has the numbers of one, and is written by the first alone."""

import json
import os
import signal

import numpy as np
import pytest
import torch
from helpers.learning import TABLE
from helpers.processes import joined
from safetensors.numpy import load_file

from clvl_bench.audits.result_files import result_files
from clvl_bench.backbones import sharing
from clvl_bench.core import files, stopping, world
from clvl_bench.core.exit_codes import ExitCode
from clvl_bench.core.rng import rng
from clvl_bench.data.readers.split import Split
from clvl_bench.inputs import features
from clvl_bench.methods.registry import adapters
from clvl_bench.runs.files import run_config
from clvl_bench.runs.observer import RunObserver
from clvl_bench.runs.runner import run
from clvl_bench.runs.setup import prepare

SMALL = [
    "benchmark.classes_per_experience=[5, 5]",
    'benchmark.zeroshot=["toy_shapes"]',
    "train.epochs=1",
]


def config_of(strategy, *overrides):
    return run_config("toy_landcover", strategy, limit=20, overrides=[*SMALL, *overrides])


# Low rank, with dropout inside of the towers, and a memory beside each batch.
CONFIG = config_of("lora_replay", "train.optimizer=sgd", "train.batch_size=6")


def shared(config, results, observer=RunObserver):
    """A run in two processes, of which the second may change no file."""

    def work(rank):
        if rank == 1:
            files.before_change = no_change
        with stopping.listening():
            run(config, results=results, progress=False, observer=observer())

    return joined(2, work)


def no_change(path):
    raise AssertionError(f"the second process was about to change {path}")


def folder_of(results):
    (folder,) = results.glob("runs/*")
    return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    results = tmp_path_factory.mktemp("alone")
    return run(CONFIG, results=results, progress=False)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, alone):  # `alone` has encoded all
    results = tmp_path_factory.mktemp("undisturbed")
    first, second = shared(CONFIG, results)
    assert (first.error, second.error, second.code) == (None, "Followed", ExitCode.DONE)
    return results


def test_two_processes_measure_and_predict_what_one_does(alone, undisturbed):
    folder = folder_of(undisturbed)
    assert folder.name == alone.folder.name, "the number of processes names no other run"
    result = run(CONFIG, results=undisturbed, progress=False)
    assert result.provenance["world"] == 2
    assert "world" not in alone.provenance
    for ours, theirs in zip(alone.records, result.records, strict=True):
        assert vars(theirs) == {**vars(ours), "value": pytest.approx(ours.value, nan_ok=True)}
    for (_, path), (_, other) in zip(alone.evaluations, result.evaluations, strict=True):
        predicted = load_file(path)
        for name, column in load_file(other).items():
            assert column == pytest.approx(predicted[name], abs=1e-5)


class KilledBehindTheFirst(RunObserver):
    def state_kept(self, checkpoint):
        if checkpoint.done == 1:
            os.kill(os.getpid(), signal.SIGKILL)


def test_killed_and_started_again_they_end_with_the_same_bytes(undisturbed, tmp_path):
    first, second = shared(CONFIG, tmp_path, KilledBehindTheFirst)
    assert first.error is None
    assert second.error in ("Deserted", "Stopped")
    assert json.loads((folder_of(tmp_path) / "status.json").read_bytes())["state"] == "running"
    first, second = shared(CONFIG, tmp_path)
    assert (first.error, second.code) == (None, ExitCode.DONE)
    assert result_files(folder_of(tmp_path)) == result_files(folder_of(undisturbed))


class NanInTheSecond(RunObserver):
    def strategy_built(self, strategy, prepared, *, untouched):
        if world.rank() == 1:
            strategy.adapter.loss = lambda batch: batch.logits.sum() * torch.nan


def test_no_number_in_one_process_ends_all(alone, tmp_path):
    first, second = shared(CONFIG, tmp_path, NanInTheSecond)
    assert {first.error, second.error} == {"RunFailed", "Followed"}
    status = json.loads((folder_of(tmp_path) / "status.json").read_bytes())
    assert status["state"] == "failed"
    assert status["reason"].startswith("nan: the loss is nan in experience 1, epoch 1, step 1")


def test_who_learns_from_features_goes_on_alone_once_they_are_there(tmp_path):
    config = config_of("linear")
    expected = run(config, results=tmp_path / "alone", progress=False)
    first, second = shared(config, tmp_path / "shared")
    assert (first.error, second.error, second.code) == (None, "Followed", ExitCode.DONE)
    shared_folder = folder_of(tmp_path / "shared")
    assert result_files(shared_folder) == result_files(expected.folder)


def test_a_method_that_cannot_share_its_tower_is_refused(tmp_path):
    ends = joined(2, lambda rank: prepare(config_of("maple")))
    (refusal,) = [end.said for end in ends if end.error == "Mistake"]
    assert refusal == (
        "torchrun: the adapter 'maple' trains inside of a tower that several processes cannot "
        "share; start it without torchrun, or use one of codyra, full, inflora, lora, "
        "lora_merged, lora_per_experience, olora, student"
    )


def test_each_process_encodes_its_chunks_and_the_bytes_are_those_of_one(
    tiny, tmp_path, monkeypatch
):
    monkeypatch.setattr(features, "CHUNK", 4)
    pictures = rng("pictures").integers(0, 256, (18, 40, 40, 3), dtype=np.uint8)
    keys = tuple(map(str, range(18)))
    split = Split(np.zeros(18, dtype=np.int64), keys, "0" * 64, image=lambda row: pictures[row])

    def encoded(rank, home):
        monkeypatch.setenv("CLVL_HOME", str(tmp_path / home))
        tiny.images_encoded = 0
        whole = features.encode(split, tiny)
        return [tiny.images_encoded, whole.sum().item()]

    def kept(home):
        paths = (tmp_path / home).rglob("*")
        return {path.name: path.read_bytes() for path in paths if path.is_file()}

    images, total = encoded(0, "alone")
    first, second = joined(2, lambda rank: encoded(rank, "shared"))
    assert images == 18
    # Five chunks, the last of two images: the first process has three of them.
    assert (first.value, second.value) == ([10, total], [8, total])
    assert kept("shared") == kept("alone")


PIXELS = [kind for kind, config in adapters().items() if config.input_kind == "pixels"]


@pytest.mark.parametrize("kind", PIXELS)
def test_a_method_shares_its_batches_where_it_says_so(kind, backbone, pixels, monkeypatch):
    rows = []

    class Gathered:
        """Stands for the other process, which says what this one does."""

        @staticmethod
        def apply(features, count):
            rows.append(len(features))
            return torch.cat([features, features])[:count]

    config = adapters()[kind]()
    adapter = config.build(backbone, TABLE)
    adapter.begin((0, 1, 2))
    monkeypatch.setattr(sharing, "_Gathered", Gathered)
    monkeypatch.setattr(world, "_world", world._World(rank=0, size=2, store=None))
    with sharing.batches_shared():
        adapter.train().image(pixels)
    assert rows == ([len(pixels) // 2] if config.shares_images else [])

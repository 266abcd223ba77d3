"""One flipped byte is found and named, whatever file it is in. (Chunks of features, rows and the
embedded weights have their tests where they are written and read.)
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from command import clvl_here

from clvl_bench.audits.result_files import result_files
from clvl_bench.backbones.catalog import assets
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.cli.main import main
from clvl_bench.core.cache_dir import cache_dir
from clvl_bench.core.errors import Damage, Mistake, RunFailed
from clvl_bench.core.files import read_folder
from clvl_bench.data.catalog.listing import find
from clvl_bench.data.readers.reading import read_split
from clvl_bench.records.run_folder import RunFolder
from clvl_bench.runs import checkpoint
from clvl_bench.runs.checkpoint import Checkpoint
from clvl_bench.runs.files import run_config
from clvl_bench.runs.observer import RunObserver
from clvl_bench.runs.runner import run

CHOSEN = ("toy_landcover", "zeroshot", "--limit", "20", "--device", "cpu")
RESULTS = (
    "segments/0000.csv",
    "segments/0005.csv",
    "result.json",
    "predictions/0000.safetensors",
    "predictions/0005.safetensors",
)


def flip(path: Path) -> None:
    """Turn one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.fixture(scope="module")
def finished(shared_home, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLVL_HOME", str(shared_home))
        results = tmp_path_factory.mktemp("results")
        run(run_config("toy_landcover", "zeroshot", limit=20), results=results, progress=False)
    return results


@pytest.fixture
def results(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "results")


@pytest.mark.parametrize("name", RESULTS)
def test_a_finished_run_with_a_flipped_byte_is_refused_by_name(results, name, monkeypatch, capsys):
    (damaged,) = results.glob(f"runs/*/{name}")
    flip(damaged)
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    monkeypatch.setattr(sys, "argv", ["clvl-bench", "run", *CHOSEN, "--results", str(results)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 4
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith(f"clvl-bench: {damaged}: ")
    assert "run it again" in line
    assert {path: path.read_bytes() for path in results.rglob("*") if path.is_file()} == before


def without_last_test(folder: Path) -> None:
    """Make of a finished run one whose last experience was never tested, sealed as if it were."""
    run = RunFolder(folder)
    result = run.result()
    rows = [row for row in result.records if (row.stream, row.experience) != ("test", 4)]
    run.drop_all_but(())
    segment = run.append(0, trained=5, records=rows, predictions=None)
    timing = {name: value for name, value in result.timing.items() if name != "seal"}
    run.finish(provenance=result.provenance, segments=[segment], beside={}, timing=timing)


def test_a_damaged_run_and_one_that_cannot_be_shown_stop_no_report(results, tmp_path, caplog):
    (good,) = results.glob("runs/*")
    damaged, odd = (shutil.copytree(good, good.with_name(name)) for name in ("damaged", "odd"))
    flip(damaged / "segments" / "0003.csv")
    without_last_test(odd)
    done = clvl_here("report", results, "--out", "table", "--no-plots", cwd=tmp_path)
    assert done.returncode == 4
    of_damaged, of_odd = sorted(caplog.messages)
    assert of_damaged.startswith(
        f"clvl-bench: {damaged}: left out, since {damaged / 'segments' / '0003.csv'}: sha256 is "
    )
    assert of_odd.startswith(f"clvl-bench: {odd}: left out, since it cannot be shown (IndexError")
    assert "zeroshot" in (tmp_path / "table" / "summary.md").read_text(encoding="utf-8")
    shutil.rmtree(damaged)
    done = clvl_here("report", results, "--out", "table", "--no-plots", cwd=tmp_path)
    assert done.returncode == 0


def test_a_finished_run_is_not_taken_for_one_with_other_weights(random_clip, tmp_path):
    folder = shutil.copytree(random_clip(), tmp_path / "clip")
    config = run_config("toy_landcover", "zeroshot", backbone=str(folder), limit=20)
    run(config, results=tmp_path, progress=False)
    flip(folder / "model.safetensors")
    with pytest.raises(Mistake, match="is a finished run with other weights"):
        run(config, results=tmp_path, progress=False)


@pytest.mark.parametrize(
    "name", sorted(json.loads((assets() / "manifest.json").read_bytes())["files"])
)
def test_a_flipped_byte_in_any_file_of_the_embedded_backbone_is_named(name, tmp_path, monkeypatch):
    copy = shutil.copytree(assets(), tmp_path / "tiny-clip")
    flip(copy / name)
    monkeypatch.setattr("clvl_bench.backbones.catalog.places.assets", lambda: copy)
    with pytest.raises(Damage, match=rf"{name}: sha256 is [0-9a-f]{{8}}, recorded [0-9a-f]{{8}}"):
        load_backbone("tiny")


def test_kept_pictures_with_a_flipped_byte_are_named_and_painted_again(empty_home, caplog):
    dataset = find("toy_shapes")
    whole = read_split(dataset, "test")
    (kept,) = (cache_dir() / "toy").glob("*.npz")
    original = kept.read_bytes()
    flip(kept)
    assert kept.read_bytes() != original
    assert not caplog.messages
    again = read_split(dataset, "test")
    assert caplog.messages == [
        f"clvl-bench: {kept}: is not what was written; its pictures are painted again"
    ]
    assert all(np.array_equal(again.image(row), whole.image(row)) for row in range(len(whole)))
    assert np.array_equal(again.labels, whole.labels)
    with np.load(kept) as mended:
        assert np.array_equal(mended["labels"], whole.labels)


@pytest.mark.parametrize("name", ["tensors.safetensors", "values.json", "manifest.json"])
def test_behind_a_damaged_checkpoint_the_one_before_is_taken_up(tmp_path, name, caplog):
    for trained in (1, 2):
        state = {"adapter": {"weight": torch.full((3,), float(trained))}}
        checkpoint.write(tmp_path, Checkpoint(trained, state, {"at": trained}))
    flip(tmp_path / "0002" / name)
    found = checkpoint.latest(tmp_path)
    assert (found.done, found.notes) == (1, {"at": 1})
    assert torch.equal(found.state["adapter"]["weight"], torch.ones(3))
    assert not (tmp_path / "0002").exists()
    assert caplog.messages == [
        f"clvl-bench: {tmp_path / '0002'}: is not what was written; the run goes on from the state "
        f"before it"
    ]


def cut(path: Path) -> None:
    """Leave the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


class StopAfter(RunObserver):
    """Interrupts a run behind a state, and notes where it goes on."""

    def __init__(self, experiences: int | None) -> None:
        self._experiences = experiences
        self.went_on: int | None = None

    def resumed(self, done: int | None) -> None:
        self.went_on = done

    def state_kept(self, checkpoint: Checkpoint) -> None:
        if checkpoint.done == self._experiences:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def interrupted(shared_home, tmp_path_factory):
    """A run that stopped behind its third experience, and the bytes of an undisturbed one."""
    config = run_config(
        "toy_landcover", "prompt_replay", limit=20, overrides=["train.epochs=1", "train.lr=0.1"]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLVL_HOME", str(shared_home))
        patch.setattr("os.fsync", lambda descriptor: None)
        undisturbed = run(config, results=tmp_path_factory.mktemp("whole"), progress=False)
        results = tmp_path_factory.mktemp("interrupted")
        with pytest.raises(KeyboardInterrupt):
            run(config, results=results, progress=False, observer=StopAfter(3))
    return config, results, result_files(undisturbed.folder)


@pytest.mark.parametrize("damage", [flip, cut, Path.unlink], ids=["flipped", "cut", "deleted"])
@pytest.mark.parametrize(
    ("name", "goes_on"),
    [
        ("predictions/0003.safetensors", 2),
        ("segments/0003.csv", 2),
        ("predictions/0001.safetensors", None),
        ("segments/0000.csv", None),
    ],
)
def test_what_an_interrupted_run_stands_on_is_made_again_where_it_is_damaged(
    interrupted, tmp_path, name, goes_on, damage, caplog
):
    """Two states are kept, after two and after three experiences: what both stand on ends both."""
    config, before, undisturbed = interrupted
    results = shutil.copytree(before, tmp_path / "results")
    (damaged,) = results.glob(f"runs/*/{name}")
    damage(damaged)
    observer = StopAfter(None)
    result = run(config, results=results, progress=False, observer=observer)
    assert observer.went_on == goes_on
    assert result_files(result.folder) == undisturbed
    found = "is missing" if damage is Path.unlink else "is not what was written"
    mended = "begins anew" if goes_on is None else "goes on from the state before it"
    assert caplog.messages == [f"clvl-bench: {damaged}: {found}; the run {mended}"]


def test_an_interrupted_run_whose_files_are_whole_goes_on_in_silence(interrupted, tmp_path, caplog):
    config, before, undisturbed = interrupted
    results = shutil.copytree(before, tmp_path / "results")
    (folder,) = results.glob("runs/*")
    (folder / "segments/0004.csv").write_bytes(b"of a step that was not kept")
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("*/000[0-3].*")}
    observer = StopAfter(None)
    result = run(config, results=results, progress=False, observer=observer)
    assert (observer.went_on, caplog.messages) == (3, [])
    assert result_files(result.folder) == undisturbed
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "nothing is written anew"


def test_behind_two_damaged_checkpoints_the_run_begins_anew(interrupted, tmp_path, caplog):
    config, before, undisturbed = interrupted
    results = shutil.copytree(before, tmp_path / "results")
    for state in results.glob("runs/*/state/*"):
        flip(state / "tensors.safetensors")
    observer = StopAfter(None)
    result = run(config, results=results, progress=False, observer=observer)
    assert observer.went_on is None
    assert len(caplog.messages) == 2, "each damaged state is named"
    assert caplog.messages[-1].endswith("the run begins anew")
    assert result_files(result.folder) == undisturbed


def test_a_flipped_byte_anywhere_in_a_checkpoint_is_found(tmp_path):
    state = {"adapter": {"weight": torch.ones(3)}}
    checkpoint.write(tmp_path, Checkpoint(1, state, {"at": 1}))
    for file in (tmp_path / "0001").iterdir():
        whole = file.read_bytes()
        for at in range(len(whole)):
            file.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
            assert read_folder(tmp_path / "0001") is None, (file.name, at)
        file.write_bytes(whole)
    assert checkpoint.latest(tmp_path).done == 1


def test_a_run_that_was_interrupted_on_another_device_starts_anew(
    interrupted, tmp_path, monkeypatch
):
    config, before, _ = interrupted
    results = shutil.copytree(before, tmp_path / "results")
    monkeypatch.setattr("clvl_bench.runs.provenance.device_name", lambda device: "another")
    observer = StopAfter(None)
    result = run(config, results=results, progress=False, observer=observer)
    assert observer.went_on is None
    assert result.provenance["device"]["name"] == "another"


class Removed(RunObserver):
    """Removes the folder of the results behind the first state."""

    def __init__(self, results: Path) -> None:
        self._results = results
        self.states = 0

    def state_kept(self, checkpoint: Checkpoint) -> None:
        self.states += 1
        shutil.rmtree(self._results)


def test_a_run_whose_folder_is_removed_under_it_fails_at_its_next_state(interrupted, tmp_path):
    config, _, undisturbed = interrupted
    observer = Removed(tmp_path / "results")
    with pytest.raises(RunFailed, match=r"^disk: .* was removed while this process wrote there"):
        run(config, results=tmp_path / "results", progress=False, observer=observer)
    assert observer.states == 1, "it does not go on as if nothing had happened"
    assert not (tmp_path / "results").exists()
    result = run(config, results=tmp_path / "results", progress=False)
    assert result_files(result.folder) == undisturbed


def test_a_checkpoint_does_not_grow_with_the_rows_behind_it(interrupted):
    """It names them by hash: what one more experience adds is two hashes and a few numbers."""
    _, results, _ = interrupted
    sizes = [path.stat().st_size for path in sorted(results.glob("runs/*/state/*/values.json"))]
    rows = min(path.stat().st_size for path in results.glob("runs/*/segments/*.csv"))
    assert sizes[1] - sizes[0] < 500 < rows

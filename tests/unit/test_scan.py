"""One pass over a dataset: it says how far it is, goes on where it was killed, and knows which
images stand in two splits.
"""

import io
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from clvl_bench.core import lock
from clvl_bench.core.errors import Damage
from clvl_bench.core.ticker import EVERY_SECONDS, Ticker
from clvl_bench.data.readers import scan as scanning
from clvl_bench.data.readers.decode import decode
from clvl_bench.data.readers.scan import scan
from clvl_bench.runs.files import run_config
from clvl_bench.runs.setup import prepare
from clvl_bench.training.progress import Progress
from clvl_bench.training.time_left import Work


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the ticker takes for the time."""
    now = [0.0]
    monkeypatch.setattr("clvl_bench.core.ticker.time.monotonic", lambda: now[0])
    return now


def test_a_ticker_says_every_ten_seconds_what_is_left(clock):
    said = io.StringIO()
    tick = Ticker("birds: scanning images", 100, stream=said)
    for done in range(101):
        tick(done)
        clock[0] += 1.0
    lines = said.getvalue().splitlines()
    assert lines[0] == "birds: scanning images: 10 of 100, about 90 s left"
    assert len(lines) == 99 // EVERY_SECONDS


def test_six_hours_of_work_are_told_in_less_than_two_megabytes(clock, monkeypatch):
    """Of lines where there is no terminal: images that are scanned, and a run that trains."""
    monkeypatch.setattr("clvl_bench.training.progress.time.monotonic", lambda: clock[0])
    said = io.StringIO()
    hours, step = 6 * 3600, 0.5
    tick = Ticker("birds: scanning images", int(hours / step), stream=said)
    loop = SimpleNamespace(
        clock=SimpleNamespace(train_epoch_iterations=1, train_exp_epochs=1),
        train_epochs=10, dataloader=range(1000),
    )  # fmt: skip
    with Progress("toy_landcover prompt seed 0", [Work(1, 1)] * 10, stream=said) as progress:
        for done in range(int(hours / step)):
            clock[0] += step
            tick(done)
            progress.after_training_iteration(loop, None)
            progress.before_eval_exp(loop, None)
    lines = said.getvalue().splitlines()
    assert len(lines) > 2000, "it is not silent either"
    assert len(said.getvalue()) < 2e6


def test_what_was_done_before_does_not_count_as_speed(clock):
    said = io.StringIO()
    tick = Ticker("birds", 200, stream=said)
    tick(100)  # kept by an earlier process
    clock[0] = 20.0
    tick(110)
    assert said.getvalue() == "birds: 110 of 200, about 180 s left\n"


def test_quick_work_is_silent(capsys):
    tick = Ticker("birds", 3)
    for done in range(4):
        tick(done)
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Twenty files; the eighth is cut."""
    files = []
    for number in range(20):
        file = tmp_path / f"{number:02d}.png"
        Image.fromarray(np.full((8, 8, 3), number, dtype=np.uint8)).save(file)
        files.append(file)
    files[7].write_bytes(files[7].read_bytes()[:40])
    return files


KILLED = """
import os, signal, sys
from pathlib import Path
from types import SimpleNamespace
from clvl_bench.data.readers import scan as scanning
scanning.BLOCK = 6
files = [Path(name) for name in sys.argv[1:]]
def read(row):
    if row == 14:
        os.kill(os.getpid(), signal.SIGKILL)
    return files[row].read_bytes()
scanning.scan("birds", [file.name for file in files], read, files=files)
"""


def test_a_scan_that_was_killed_goes_on_behind_its_last_block(pictures, empty_home, monkeypatch):
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *map(str, pictures)], cwd=ROOT, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    monkeypatch.setattr(scanning, "BLOCK", 6)
    names, looked = [file.name for file in pictures], []

    def read(row: int) -> bytes:
        looked.append(row)
        return pictures[row].read_bytes()

    found = scan("birds", names, read, files=pictures)
    assert looked == list(range(12, 20)), "two blocks of six were kept"
    assert [row for row, identity in enumerate(found.hashes) if identity is None] == [7]
    assert list(found.damaged) == ["07.png"]
    assert scan("birds", names, read, files=pictures) == found
    assert looked == list(range(12, 20)), "and then nothing is read"


def test_a_flipped_byte_anywhere_in_a_kept_scan_is_found(pictures, empty_home):
    found = scan("birds", [file.name for file in pictures], read_of(pictures), files=pictures)
    (kept,) = (empty_home / "scans").glob("*/*.json")
    whole = kept.read_bytes()
    assert scanning._read_kept(kept) == found
    for at in range(len(whole)):
        kept.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert scanning._read_kept(kept) is None, at
    again = scan("birds", [file.name for file in pictures], read_of(pictures), files=pictures)
    assert again == found
    assert kept.read_bytes() == whole


def read_of(files: list[Path]) -> Callable[[int], bytes]:
    return lambda row: files[row].read_bytes()


def test_of_two_processes_that_scan_at_once_one_decodes_and_both_know(
    pictures, empty_home, monkeypatch
):
    monkeypatch.setattr(lock, "POLL_SECONDS", 0.01)
    names, looked, met = [file.name for file in pictures], [], threading.Event()

    def read(row: int) -> bytes:
        looked.append(row)
        met.wait(0.05)  # time enough for the other one to come
        return pictures[row].read_bytes()

    with ThreadPoolExecutor(2) as both:
        scans = [both.submit(scan, "birds", names, read, files=pictures) for _ in range(2)]
        first, second = (each.result(20) for each in scans)
    assert first == second
    assert sorted(looked) == list(range(20)), "each image was read once"
    (kept,) = (empty_home / "scans").iterdir()
    assert [path.name for path in kept.iterdir()] == ["00000000.json"], "and no claim is left"


BIRDS = """version = 1
scenario = "joint"
datasets = ["birds"]
label_space = "dataset"
[dataset.birds]
classes = ["wren", "kite"]
source = { kind = "arrays", path = "birds.npz", splits = { train = ["x", "y"], test = ["u", "v"] } }
"""


def birds(folder: Path, *, shared: int, policy: str) -> Path:
    """Ten images to learn from and eight to test on, some of them the same."""
    train = np.random.default_rng(0).integers(0, 256, (10, 40, 40, 3), dtype=np.uint8)
    test = np.random.default_rng(1).integers(0, 256, (8, 40, 40, 3), dtype=np.uint8)
    test[:shared] = train[:shared]
    np.savez(folder / "birds.npz", x=train, y=np.arange(10) % 2, u=test, v=np.arange(8) % 2)
    (folder / "birds.toml").write_text(BIRDS + (f'on_duplicates = "{policy}"\n' if policy else ""))
    return folder / "birds.toml"


@pytest.mark.parametrize("shared", [0, 3])
def test_images_in_train_and_test_are_counted_said_and_recorded(
    tmp_path, empty_home, caplog, shared
):
    prepared = prepare(run_config(str(birds(tmp_path, shared=shared, policy="report")), "zeroshot"))
    assert prepared.provenance["images_in_train_and_test"] == {"birds": shared}
    assert prepared.provenance["data"]["birds/test"]["samples"] == 8
    says = (
        "clvl-bench: birds: 3 of its test images are among its training images as well; the "
        "record says so"
    )
    assert caplog.messages == [says] * bool(shared)


def test_images_in_train_and_test_are_left_out_of_the_test_if_one_wants_it(
    tmp_path, empty_home, caplog
):
    from clvl_bench.streams.reading import read_slices

    chosen = {
        policy: run_config(str(birds(tmp_path, shared=3, policy=policy)), "zeroshot")
        for policy in ("report", "skip")
    }
    counted, prepared = (prepare(chosen[policy]) for policy in ("report", "skip"))
    assert chosen["report"].id != chosen["skip"].id
    data = prepared.provenance["data"]["birds/test"]
    assert (data["samples"], data["left_out_in_training"]) == (5, 3)
    assert data["fingerprint"] != counted.provenance["data"]["birds/test"]["fingerprint"]
    assert prepared.provenance["images_in_train_and_test"] == {"birds": 3}
    assert (
        "3 of its test images are among its training images as well and were left out"
        in caplog.messages[-1]
    )
    train, test = (part.data for part in read_slices(chosen["skip"].benchmark_config))
    images = [
        image.tobytes() for split in (train, test) for image in map(split.image, range(len(split)))
    ]
    assert len(images) == len(set(images)) == 15


@pytest.mark.parametrize(("shared", "policy"), [(3, ""), (3, "error"), (8, "skip")])
def test_images_in_train_and_test_of_ones_own_data_are_refused_in_one_line(
    tmp_path, empty_home, shared, policy
):
    with pytest.raises(
        Damage, match=f"birds: {shared} of its 8 test images are among its training images"
    ) as refused:
        prepare(run_config(str(birds(tmp_path, shared=shared, policy=policy)), "zeroshot"))
    assert len(str(refused.value).splitlines()) == 1


def test_duplicates_of_a_published_split_are_counted_unless_one_says_otherwise():
    from clvl_bench.data.catalog.listing import DATASETS

    assert {each.duplicates_policy for each in DATASETS} == {"report"}


def encoded(mode: str, size: tuple[int, int], **options: object) -> bytes:
    image = Image.fromarray(
        np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    ).convert(mode)
    data = io.BytesIO()
    image.save(data, "JPEG", **options)
    return data.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("size", [(64, 64), (37, 61), (1, 1)])
@pytest.mark.parametrize(
    "options", [{}, {"quality": 20, "subsampling": 0}, {"progressive": True}, {"subsampling": 1}]
)
def test_jpegs_have_the_pixels_that_pillow_gives(mode, size, options):
    data = encoded(mode, size, **options)
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(decode(data), np.asarray(image.convert("RGB")))


def test_a_cut_jpeg_is_refused_and_a_bomb_is_not_unpacked(monkeypatch):
    data = encoded("RGB", (64, 64))
    with pytest.raises(OSError, match="truncated"):
        decode(data[:-200])
    monkeypatch.setattr("clvl_bench.data.readers.decode.PIXEL_LIMIT", 64 * 64)
    decode(data)
    monkeypatch.setattr("clvl_bench.data.readers.decode.PIXEL_LIMIT", 64 * 64 - 1)
    with pytest.raises(ValueError, match="64 x 64 pixels; the limit is 4,095"):
        decode(data)

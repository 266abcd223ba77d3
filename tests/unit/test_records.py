"""Rows and run folders: what is written is read back to the bit, and a changed byte is found and
named.
"""

import hashlib
import json
import math
import resource

import numpy as np
import pytest
from safetensors.numpy import load, save

from clvl_bench.core.errors import Busy, Damage
from clvl_bench.core.faults import as_failure
from clvl_bench.core.files import (
    PLAIN,
    Changes,
    read_folder,
    to_json,
    write_atomically,
)
from clvl_bench.records.rows import Record, from_csv, to_csv
from clvl_bench.records.run_folder import RunFolder
from clvl_bench.records.segment import Segment, read_predictions

ROW = Record("b", "seen", "s,with comma", "tiny", 0, 1, 3, "test", 2, "d", "accuracy", 0.1 + 0.2, 7)


def test_rows_read_back_to_the_same_bits():
    rows = [
        ROW,
        Record(**{**vars(ROW), "value": math.nan}),
        Record(**{**vars(ROW), "value": 1 / 3}),
    ]
    back = from_csv(to_csv(rows), name="x")
    assert [repr(row) for row in back] == [repr(row) for row in rows]


@pytest.mark.parametrize(
    "damage", [b"", b"a,b\n1,2\n", to_csv([ROW]).replace(b",7", b",seven"), to_csv([ROW])[:-4]]
)
def test_a_csv_that_was_not_written_here_is_refused(damage):
    with pytest.raises(Damage, match=r"x: .*run it again"):
        from_csv(damage, name="x")


def test_a_writer_that_dies_leaves_the_old_bytes(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(OSError, match="no space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_above_a_limit_on_the_size_of_files_the_old_bytes_stay_and_a_line_says_so(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="too large") as caught:
            write_atomically(path, bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "raise the limit on the size of files" in str(as_failure(caught.value))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_whole_or_not_there(tmp_path):
    PLAIN.write_folder(tmp_path / "state", {"a": b"1", "b": b"22"})
    assert read_folder(tmp_path / "state") == {"a": b"1", "b": b"22"}
    for name in ("a", "b", "manifest.json"):
        whole = (tmp_path / "state" / name).read_bytes()
        (tmp_path / "state" / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert read_folder(tmp_path / "state") is None
        (tmp_path / "state" / name).write_bytes(whole)
    assert read_folder(tmp_path / "nowhere") is None


def finish(folder, *, seconds=1.5):
    """Two segments: the second has predictions."""
    later = Record(**{**vars(ROW), "trained": 4, "value": 0.25})
    segments = [
        folder.append(0, trained=0, records=[ROW], predictions=None),
        folder.append(1, trained=4, records=[later, ROW], predictions=PREDICTED),
    ]
    folder.finish(
        provenance={"run": "run", "seed": 0},
        segments=segments,
        beside={"questions.json": folder.write("questions.json", b"{}")},
        timing={"train_seconds": seconds},
    )
    return segments


PREDICTED = save(
    {
        f"{stream}/{experience}/{name}": np.array(values, dtype=np.int32)
        for stream, experience, name, values in (
            ("test", 10, "ids", [7, 8]),
            ("test", 10, "predicted", [1, -1]),
            ("test", 10, "true", [1, 2]),
            ("test", 2, "ids", [9]),
            ("test", 2, "predicted", [0]),
            ("test", 2, "true", [3]),
        )
    }
)
FILES = [
    "segments/0000.csv",
    "segments/0001.csv",
    "predictions/0001.safetensors",
    "questions.json",
    "result.json",
]


@pytest.fixture
def finished(tmp_path):
    folder = RunFolder(tmp_path / "run")
    finish(folder)
    return folder


def test_a_finished_run_reads_back_in_the_order_of_measuring(finished):
    result = finished.result()
    assert [(row.trained, row.value) for row in result.records] == [
        (3, ROW.value),
        (4, 0.25),
        (3, ROW.value),
    ]
    assert result.timing["train_seconds"] == 1.5
    assert result.provenance == {"run": "run", "seed": 0}


def test_predictions_read_back_experience_by_experience(finished):
    found = finished.result().predictions(-1)
    assert found.trained == 4
    assert found.ids.tolist() == [9, 7, 8]
    assert found.predicted.tolist() == [0, 1, -1]
    assert found.true.tolist() == [3, 1, 2]
    assert len(finished.result().predictions(-1, stream="zeroshot").ids) == 0


def test_an_older_run_has_no_confidence_and_none_is_made_up(finished):
    assert finished.result().predictions(-1).confidence is None


def test_confidence_reads_back_beside_the_predictions():
    columns = load(PREDICTED) | {
        "test/10/confidence": np.array([0.75, np.nan], dtype=np.float32),
        "test/2/confidence": np.array([0.5], dtype=np.float32),
    }
    found = read_predictions(save(columns), trained=4, stream="test")
    assert found.confidence == pytest.approx([0.5, 0.75, np.nan], nan_ok=True)
    assert found.ids.tolist() == [9, 7, 8]


def test_the_hash_of_a_segment_is_that_of_its_rows_as_canonical_csv(finished):
    summary = json.loads(finished.read("result.json"))
    rows = finished.result().records
    assert [each["records_sha256"] for each in summary["segments"]] == [
        hashlib.sha256(to_csv(rows[:1])).hexdigest(),
        hashlib.sha256(to_csv(rows[1:])).hexdigest(),
    ]


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_anywhere_is_found_and_named(finished, name):
    path = finished.path / name
    whole = path.read_bytes()
    for offset in range(len(whole)):
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 1]) + whole[offset + 1 :])
        with pytest.raises(Damage, match=name.replace(".", r"\.")):
            finished.result()


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.99])
def test_a_result_that_is_cut_anywhere_is_damage_and_does_not_count(finished, kept):
    path = finished.path / "result.json"
    whole = path.read_bytes()
    path.write_bytes(whole[: round(kept * len(whole))])
    assert not finished.is_of_its_id
    with pytest.raises(Damage, match=r"result\.json: is not what was written"):
        finished.result()


@pytest.mark.parametrize("name", FILES[:-1])
def test_a_missing_file_is_named(finished, name):
    (finished.path / name).unlink()
    with pytest.raises(Damage, match=rf"{name}: is missing"):
        finished.result()


def test_what_was_damaged_before_the_end_is_not_sealed_as_good(tmp_path):
    folder = RunFolder(tmp_path / "run")
    segment = folder.append(0, trained=0, records=[ROW], predictions=PREDICTED)
    (folder.path / segment.predictions_file).write_bytes(PREDICTED[:-1] + b"x")
    folder.finish(provenance={}, segments=[segment], beside={}, timing={})
    with pytest.raises(Damage, match=r"0000\.safetensors: sha256 is"):
        folder.result()


def test_behind_a_state_all_is_removed_that_it_does_not_name(finished):
    first, *_ = (Segment.of(each) for each in json.loads(finished.read("result.json"))["segments"])
    finished.drop_all_but([first])
    assert finished.damaged([first]) is None
    assert [path.name for path in (finished.path / "segments").iterdir()] == ["0000.csv"]
    assert list((finished.path / "predictions").iterdir()) == []


def test_every_change_asks_the_guard_first(finished):
    def overtaken():
        raise Busy("another process has it")

    folder = RunFolder(finished.path, changes=Changes(guard=overtaken))
    before = {path: path.read_bytes() for path in finished.path.rglob("*") if path.is_file()}
    for change in (
        lambda: folder.append(2, trained=5, records=[ROW], predictions=b"x"),
        lambda: folder.drop_all_but([]),
        lambda: folder.begin_anew(),
        lambda: folder.set_status("done"),
        lambda: folder.finish(provenance={}, segments=[], beside={}, timing={}),
    ):
        with pytest.raises(Busy):
            change()
    assert before == {path: path.read_bytes() for path in before}
    assert len(before) == len([path for path in finished.path.rglob("*") if path.is_file()])


@pytest.mark.parametrize(
    ("state", "synced"), [("running", 0), ("done", 2), ("failed", 2), ("interrupted", 2)]
)
def test_how_a_run_ended_outlives_the_machine_and_how_far_it_is_need_not(
    tmp_path, monkeypatch, state, synced
):
    descriptors = []
    monkeypatch.setattr("os.fsync", descriptors.append)
    RunFolder(tmp_path / "run").set_status(state)
    assert len(descriptors) == synced  # the file and its folder


def test_a_run_folder_with_all_rows_in_one_file_is_still_read(tmp_path):
    """As they were written before there were segments."""
    folder = RunFolder(tmp_path / "run")
    files = {
        "records.csv": folder.write("records.csv", to_csv([ROW])),
        "predictions/0000.safetensors": folder.write("predictions/0000.safetensors", PREDICTED),
        "predictions/0005.safetensors": folder.write("predictions/0005.safetensors", PREDICTED),
    }
    body = {"files": files, "provenance": {"run": "old"}}
    timing = {"train_seconds": 1.0}
    for content in (body, timing):
        content["seal"] = hashlib.sha256(to_json(content)).hexdigest()
    folder.write("result.json", to_json({**body, "timing": timing}))
    result = folder.result()
    assert result.records == [ROW]
    assert [result.predictions(number).trained for number in (0, -1)] == [0, 5]


def test_timing_is_not_part_of_what_is_sealed_with_the_numbers(tmp_path):
    seals = []
    for seconds in (1.0, 2.0):
        folder = RunFolder(tmp_path / str(seconds))
        finish(folder, seconds=seconds)
        content = json.loads(folder.read("result.json"))
        content.pop("timing")
        seals.append(json.dumps(content))
    assert seals[0] == seals[1]

"""Rows and run folders: what is written is read back to the bit, and a changed byte is found and
named.
"""

import json
import math

import pytest

from clvl_bench.core.errors import Damage
from clvl_bench.core.files import read_folder, write_atomically, write_folder_atomically
from clvl_bench.records.rows import Record, from_csv, to_csv
from clvl_bench.records.run_folder import RunFolder

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


def test_a_folder_is_whole_or_not_there(tmp_path):
    write_folder_atomically(tmp_path / "state", {"a": b"1", "b": b"22"})
    assert read_folder(tmp_path / "state") == {"a": b"1", "b": b"22"}
    for name in ("a", "b", "manifest.json"):
        whole = (tmp_path / "state" / name).read_bytes()
        (tmp_path / "state" / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert read_folder(tmp_path / "state") is None
        (tmp_path / "state" / name).write_bytes(whole)
    assert read_folder(tmp_path / "nowhere") is None


@pytest.fixture
def finished(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.write("records.csv", to_csv([ROW]))
    folder.write("predictions/0001.safetensors", b"\x01" * 40)
    results = ["records.csv", "predictions/0001.safetensors"]
    folder.finish(
        provenance={"run": "run", "seed": 0}, results=results, timing={"train_seconds": 1.5}
    )
    return folder


def test_a_finished_run_reads_back(finished):
    result = finished.result()
    assert result.records == [ROW]
    assert result.timing["train_seconds"] == 1.5
    assert result.provenance == {"run": "run", "seed": 0}


@pytest.mark.parametrize("name", ["records.csv", "predictions/0001.safetensors", "result.json"])
def test_one_flipped_bit_anywhere_is_found_and_named(finished, name):
    path = finished.path / name
    whole = path.read_bytes()
    for offset in range(len(whole)):
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 1]) + whole[offset + 1 :])
        with pytest.raises(Damage, match=name.replace(".", r"\.")):
            finished.result()


def test_a_missing_file_is_named(finished):
    (finished.path / "predictions/0001.safetensors").unlink()
    with pytest.raises(Damage, match=r"0001\.safetensors: is missing"):
        finished.result()


def test_timing_is_not_part_of_what_is_sealed_with_the_numbers(tmp_path):
    seals = []
    for seconds in (1.0, 2.0):
        folder = RunFolder(tmp_path / str(seconds))
        folder.write("records.csv", to_csv([ROW]))
        folder.finish(
            provenance={"run": "x"}, results=["records.csv"], timing={"train_seconds": seconds}
        )
        content = json.loads(folder.read("result.json"))
        content.pop("timing")
        seals.append(json.dumps(content))
    assert seals[0] == seals[1]

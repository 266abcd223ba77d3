"""Committed folders: small, opened by one call of pandas, and true to the byte."""

import math
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from command import clvl_here

from clvl_bench.core.errors import Damage, Mistake
from clvl_bench.core.files import write_atomically
from clvl_bench.records.committed import canonical, from_parquet, to_parquet, write_tables
from clvl_bench.records.rows import COLUMNS, Record, to_csv
from clvl_bench.report.answers import Answered, Score
from clvl_bench.report.committed import origins, read_committed, seal, write_committed
from clvl_bench.report.origin import Origin, Run
from clvl_bench.report.report_data import ReportData
from clvl_bench.report.runs import load
from clvl_bench.report.writing import write_report

PLACES = 24
"""How many bytes of each file are flipped, spread over its length."""


def run_of(strategy: str = "s", seed: int = 0, *, answered: Answered | None = None) -> Run:
    """Three experiences, accuracies that no short decimal has, and a value that is not defined."""
    where = ("b", "dataset", strategy, "tiny", seed, 0)
    records = [
        Record(*where, trained, "test", experience, "d", "accuracy", (trained + seed) / 7, 30)
        for trained in range(4)
        for experience in range(3)
    ]
    records.append(Record(*where, 3, "", -1, "", "loss", math.nan, 1))
    origin = Origin(f"b-{strategy}-tiny-s{seed}-0123", *where, state="done", train_seconds=1.25)
    right = np.arange(90) % (seed + 2) == 0
    return Run(origin, tuple(records), right, answered)


GROUPS = (("overall", ""), ("type", "count"), ("ceiling", ""))
SCORES = tuple(Score(3, group, name, 5, 9) for group, name in GROUPS)
RUNS = [
    run_of(answered=Answered(SCORES)),
    run_of(seed=1),
    run_of("other"),
    run_of("other", seed=1),
    replace(run_of("nothing"), correct=None),
    Run(Origin("b-t-tiny-s0-ab", "b", "dataset", "t", "tiny", 0, 0, "failed", "nan, and why"), ()),
]


@pytest.fixture
def committed(tmp_path):
    """A folder as `clvl-bench report --no-plots` writes it."""
    folder = tmp_path / "committed"
    write_committed(RUNS, folder)
    write_report(ReportData(RUNS), folder, plots=False)
    seal(folder)
    return folder


def shown(run: Run) -> str:
    """All that is read of a run, where a value that is not defined equals itself."""
    right = None if run.correct is None else run.correct.tolist()
    return repr((run.origin, run.records, right, run.answered))


def test_runs_are_read_back_to_the_bit(committed):
    back = {run.origin.run: shown(run) for run in read_committed(committed)}
    assert back == {run.origin.run: shown(run) for run in RUNS}
    assert {origin.run for origin in origins(committed)} == set(back)


def test_one_call_of_pandas_opens_all_rows(committed):
    frame = pd.read_parquet(committed / "records.parquet")
    assert list(frame.columns) == [*COLUMNS, "run"]
    assert len(frame) == sum(len(run.records) for run in RUNS)
    accuracy = frame[(frame.metric == "accuracy") & (frame.seed == 1)].groupby("trained").value
    assert accuracy.mean().tolist() == pytest.approx([1 / 7, 2 / 7, 3 / 7, 4 / 7], abs=1e-15)


def test_the_order_of_runs_and_the_time_of_writing_change_no_byte(committed, tmp_path):
    write_committed(RUNS[::-1], tmp_path / "again")
    for name in ("records.parquet", "runs.parquet", "answers.parquet"):
        assert (tmp_path / "again" / name).read_bytes() == (committed / name).read_bytes()


def test_rows_are_hashed_as_they_would_stand_in_csv():
    """Of rows without a run, the form is that of a run folder's CSV."""
    (run, *_) = RUNS
    columns = {name: [getattr(row, name) for row in run.records] for name in COLUMNS}
    assert canonical(columns) == to_csv(run.records)
    assert canonical(from_parquet(to_parquet(columns))) == to_csv(run.records)


def named(folder, caplog) -> str:
    """What is said when the folder is read: of damage, or on the error stream."""
    caplog.clear()
    try:
        load([folder])
    except Damage as error:
        return str(error)
    return "\n".join(caplog.messages)


@pytest.mark.parametrize(
    "name",
    [
        "records.parquet",
        "runs.parquet",
        "answers.parquet",
        "manifest.json",
        "summary.csv",
        "summary.md",
        "differences.csv",
    ],
)
def test_a_flipped_byte_anywhere_is_named(committed, caplog, name):
    assert named(committed, caplog) == ""
    whole = (committed / name).read_bytes()
    for place in sorted({int(place) for place in np.linspace(0, len(whole) - 1, PLACES)}):
        for bit in (1, 128):
            flipped = bytearray(whole)
            flipped[place] ^= bit
            (committed / name).write_bytes(flipped)
            assert str(committed / name) in named(committed, caplog), (place, bit)
    (committed / name).write_bytes(whole)
    assert named(committed, caplog) == ""


@pytest.mark.parametrize("name", ["records.parquet", "answers.parquet", "manifest.json"])
def test_a_file_that_is_missing_is_named(committed, name):
    (committed / name).unlink()
    with pytest.raises(Damage, match=rf"{name}: is missing; restore the folder"):
        load([committed])


def test_a_value_that_somebody_wrote_into_the_table_is_refused(committed):
    """The file is a sound one; its rows are others."""
    frame = pd.read_parquet(committed / "records.parquet")
    frame.loc[3, "value"] += 1e-12
    frame.to_parquet(committed / "records.parquet")
    with pytest.raises(Damage, match=r"records\.parquet: the sha256 of its rows is"):
        load([committed])


def test_the_same_rows_compressed_otherwise_are_read_and_named(committed, caplog):
    pd.read_parquet(committed / "records.parquet").to_parquet(
        committed / "records.parquet", compression="gzip", index=False
    )
    assert [shown(run) for run in load([committed])] == [
        shown(run) for run in sorted(RUNS, key=lambda run: run.origin.key)
    ]
    (line,) = caplog.messages
    assert "records.parquet: is not what was written; its rows are" in line


def write_as_before(runs: list[Run], folder) -> None:
    """CSV without hashes, as versions before wrote it."""
    header = list(Origin.__dataclass_fields__)
    lines = [[str(getattr(run.origin, name)) for name in header] for run in runs]
    table = pd.DataFrame(lines, columns=header).to_csv(index=False)
    records = to_csv(record for run in runs for record in run.records)
    correct = "run,samples,bits\n" + "".join(
        f"{run.origin.run},{len(run.correct)},{np.packbits(run.correct).tobytes().hex()}\n"
        for run in runs
        if run.correct is not None
    )
    answers = "run,trained,group,name,right,n\n" + "".join(
        f"{runs[0].origin.run},3,{group},{name},5,9\n" for group, name in GROUPS
    )
    files = {"runs.csv": table.encode(), "records.csv": records}
    files |= {"correct.csv": correct.encode(), "answers.csv": answers.encode()}
    for name, data in files.items():
        write_atomically(folder / name, data)


def test_a_folder_of_csv_is_read_with_one_line_and_written_anew(tmp_path, caplog):
    folder = tmp_path / "old"
    write_as_before(RUNS, folder)
    runs = load([folder])
    assert {run.origin.run: shown(run) for run in runs} == {
        run.origin.run: shown(run) for run in RUNS
    }
    (line,) = caplog.messages
    assert "deprecated" in line
    done = clvl_here("report", "old", "--out", "old", "--no-plots", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not list(folder.glob("r*.csv"))
    caplog.clear()
    assert [shown(run) for run in load([folder])] == [shown(run) for run in runs]
    assert caplog.messages == []


def test_a_report_into_its_own_folder_changes_no_byte(committed):
    before = {path.name: path.read_bytes() for path in committed.iterdir()}
    into_itself = ("report", "committed", "--out", "committed")
    done = clvl_here(*into_itself, "--no-plots", "--no-page", cwd=committed.parent)
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in committed.iterdir()} == before


def test_two_settings_under_one_name_are_refused_and_one_run_in_two_folders_is_one(tmp_path):
    write_committed([run_of()], tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert len(load([tmp_path / "one", tmp_path / "two"])) == 1
    other = run_of()
    other = replace(other, origin=replace(other.origin, run="b-s-tiny-s0-4567"))
    write_committed([other], tmp_path / "two")
    with pytest.raises(Mistake, match="have one name and different settings"):
        load([tmp_path / "one", tmp_path / "two"])


def rewritten(folder, name: str, change) -> None:
    """The same folder with another table, sealed as whoever wrote that one would seal it."""
    tables = {
        path.stem: from_parquet(path.read_bytes()) for path in sorted(folder.glob("*.parquet"))
    }
    change(tables[name])
    write_tables(folder, tables)


@pytest.mark.parametrize("name", ["runs", "records", "answers"])
def test_columns_of_a_newer_version_are_left_out_with_a_line(committed, caplog, name):
    before = [shown(run) for run in load([committed])]

    def add(table):
        table["watts"] = [1.5] * len(table["run"])

    rewritten(committed, name, add)
    assert [shown(run) for run in load([committed])] == before
    (line,) = caplog.messages
    assert f"{name}.parquet: a newer version wrote it; its columns watts are not known" in line


def test_a_column_that_an_older_version_did_not_write_has_its_default(committed, caplog):
    rewritten(committed, "runs", lambda table: table.pop("answerer"))
    assert {run.origin.answerer for run in load([committed])} == {""}
    assert caplog.messages == []


@pytest.mark.parametrize(("name", "column"), [("runs", "seed"), ("records", "value")])
def test_a_table_without_a_column_that_is_needed_is_refused(committed, name, column):
    rewritten(committed, name, lambda table: table.pop(column))
    with pytest.raises(Damage, match=rf"{name}\.parquet: has no column {column}"):
        load([committed])


def test_rows_of_a_run_that_is_not_listed_are_named(committed, caplog):
    def drop_one(table):
        place = table["run"].index("b-other-tiny-s1-0123")
        for column in table.values():
            del column[place]

    rewritten(committed, "runs", drop_one)
    assert len(load([committed])) == len(RUNS) - 1
    (line,) = caplog.messages
    assert "has rows of b-other-tiny-s1-0123, which runs.parquet does not list" in line


def test_a_report_of_committed_records_says_once_what_was_not_checked(committed, caplog):
    shutil.copytree(committed, committed.parent / "copy")
    done = clvl_here(
        "report", "committed", "copy", "--out", "out", "--no-plots", cwd=committed.parent
    )
    assert done.returncode == 0, done.stderr
    assert caplog.messages == [
        f"clvl-bench: {len(RUNS)} runs come from committed records, which are as their manifest "
        f"says; data and weights are not here, and were not checked"
    ]

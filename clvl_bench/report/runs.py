"""Runs: finished runs as the report needs them, from run folders or from a folder of committed
records.

A committed folder holds records.csv (all rows), runs.csv (where each run's numbers come from, and
what they cost) and correct.csv (which test samples each run had right at its end: what paired
statistics need). Where questions were answered, answers.csv holds the scores by open and closed and
by type.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.errors import Damage, Mistake
from clvl_bench.core.files import sha256, to_json, write_atomically
from clvl_bench.records.result import Result
from clvl_bench.records.rows import Record, from_csv, to_csv
from clvl_bench.records.run_folder import RECORDS, RunFolder
from clvl_bench.report.answers import ANSWERS, Answered, answered
from clvl_bench.report.answers import from_csv as answers_from_csv
from clvl_bench.report.answers import to_csv as answers_to_csv

RUNS = "runs.csv"
CORRECT = "correct.csv"

Key = tuple[str, str, str, str, int, int]
"""Benchmark, label space, strategy, backbone, seed, class order."""


Table = tuple[str, str, str]
"""Benchmark, label space, backbone: what may share a table or a plot."""


@dataclass(frozen=True)
class Origin:
    """One row of runs.csv: coordinates, whether it finished, where its numbers come from, what it
    cost.
    """

    run: str
    benchmark: str
    label_space: str
    strategy: str
    backbone: str
    seed: int
    class_order: int
    state: str
    reason: str = ""
    limit: str = ""
    commit: str = ""
    changed: str = ""
    config_sha256: str = ""
    adapter_sha256: str = ""
    train_data: str = ""
    data_sha256: str = ""
    prompts_sha256: str = ""
    weights_sha256: str = ""
    family: str = ""
    precision: str = "fp32"
    teacher: str = ""
    answerer: str = ""
    device: str = ""
    threads: str = ""
    versions: str = ""
    train_seconds: float = 0.0
    evaluate_seconds: float = 0.0
    peak_memory_mib: float = 0.0

    @property
    def table(self) -> Table:
        return self.benchmark, self.label_space, self.backbone

    @property
    def key(self) -> Key:
        return (
            self.benchmark,
            self.label_space,
            self.strategy,
            self.backbone,
            self.seed,
            self.class_order,
        )


@dataclass(frozen=True)
class Run:
    """A run and its rows; a failed run has none.

    `correct` is whether each test sample, in the order of ids, was right after the last experience
    [samples]; None where that is not known.
    """

    origin: Origin
    records: tuple[Record, ...]
    correct: NDArray[np.bool_] | None = field(default=None, compare=False)
    answered: Answered | None = field(default=None, compare=False)


def load(paths: Iterable[Path]) -> list[Run]:
    """The runs found at these paths: run folders, folders of run folders, or committed folders.

    A run of a grid that has no result yet is left out.

    Raises:
        Mistake: nothing is there.
        Damage: a result is not what was written.
    """
    found: dict[tuple[Key, str], Run] = {}
    looked_at = list(paths)
    for path in looked_at:
        found |= {(run.origin.key, run.origin.run): run for run in _load(path)}
    if not found:
        where = looked_at[0] if looked_at else "report"
        raise Mistake(f"{where}: no results are there; run something first, for example make bench")
    return [found[key] for key in sorted(found)]


def _load(path: Path) -> list[Run]:
    if (path / RUNS).is_file():
        return _committed(path)
    if RunFolder(path).begun:
        run = _run_folder(path)
        return [] if run is None else [run]
    if (path / "runs").is_dir():
        path = path / "runs"
    return [run for folder in sorted(path.glob("*/")) if (run := _run_folder(folder)) is not None]


def of_result(result: Result) -> Run:
    """A result as the report sees it."""
    origin, timing, config = result.provenance, result.timing, result.provenance["config"]
    first = result.records[0]
    return Run(
        Origin(
            run=origin["run"],
            benchmark=first.benchmark,
            label_space=first.label_space,
            strategy=first.strategy,
            backbone=first.backbone,
            seed=first.seed,
            class_order=first.class_order,
            state="done",
            limit="" if config["limit"] is None else str(config["limit"]),
            commit=(origin["code"]["commit"] or origin["code"]["version"])[:12],
            changed=""
            if origin["code"]["changed"] is None
            else str(origin["code"]["changed"]).lower(),
            config_sha256=sha256(to_json(origin["chosen"]))[:16],
            adapter_sha256=sha256(to_json(config["strategy_config"]["adapter"]))[:16],
            train_data=config["strategy_config"]["train"]["data"],
            data_sha256=sha256(to_json(origin["data"]))[:16],
            prompts_sha256=origin["prompts_sha256"][:16],
            weights_sha256=origin["backbone"]["weights_sha256"][:16],
            family=origin["backbone"]["family"],
            precision=config.get("precision", "fp32"),
            teacher=_named(origin.get("teacher")),
            answerer=_named(origin.get("answerer")),
            device=f"{origin['device']['type']}: {origin['device']['name']}",
            threads=str(config["threads"]),
            versions=" ".join(
                f"{name} {number}" for name, number in sorted(origin["versions"].items())
            ),
            train_seconds=timing.get("train_seconds", 0.0),
            evaluate_seconds=timing.get("evaluate_seconds", 0.0),
            peak_memory_mib=timing["peak_memory_mib"],
        ),
        tuple(result.records),
        _correct(result),
        answered(result),
    )


def _named(backbone: dict[str, str] | None) -> str:
    """A backbone's name, family and hash, or nothing."""
    return (
        ""
        if backbone is None
        else f"{backbone['name']} ({backbone['family']}) {backbone['weights_sha256'][:16]}"
    )


def _correct(result: Result) -> NDArray[np.bool_] | None:
    """Of the last evaluation, in the order of sample ids; verified with the result."""
    last = result.predictions(-1)
    if last is None:
        return None
    right: NDArray[np.bool_] = last.predicted == last.true
    return right[np.argsort(last.ids, kind="stable")]


def _run_folder(path: Path) -> Run | None:
    """A finished or failed run; None for one that is still on its way."""
    folder = RunFolder(path)
    if folder.finished:
        return of_result(folder.result())
    failure = folder.failure()
    if failure is None:
        return None
    try:
        return Run(Origin(state="failed", reason=failure.reason, **failure.coordinates), ())
    except TypeError:  # a status with other coordinates, written by another version
        return None


def write_committed(runs: Sequence[Run], folder: Path) -> None:
    """Write records.csv and runs.csv, in an order that does not depend on when a run finished."""
    ordered = sorted(runs, key=lambda run: (run.origin.key, run.origin.run))
    write_atomically(folder / RECORDS, to_csv(record for run in ordered for record in run.records))
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Origin)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(run.origin) for run in ordered)
    write_atomically(folder / RUNS, text.getvalue().encode())
    known = [(run.origin.run, run.correct) for run in ordered if run.correct is not None]
    lines = [f"{name},{len(right)},{np.packbits(right).tobytes().hex()}" for name, right in known]
    write_atomically(folder / CORRECT, "\n".join(["run,samples,bits", *lines, ""]).encode())
    told = [(run.origin.run, run.answered) for run in ordered if run.answered is not None]
    if told:
        write_atomically(folder / ANSWERS, answers_to_csv(told))


def origins(path: Path) -> list[Origin]:
    """Where the numbers of a folder of committed records come from, and what they cost; without the
    records.

    Raises:
        Damage: the file is not what was written.
    """
    rows = csv.DictReader(io.StringIO((path / RUNS).read_text(encoding="utf-8")))
    kinds: dict[str, Any] = {field.name: field.type for field in fields(Origin)}
    try:
        return [Origin(**{name: kinds[name](value) for name, value in row.items()}) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise Damage(f"{path / RUNS}: a row cannot be read ({error}); restore the file") from None


def _committed(path: Path) -> list[Run]:
    found = origins(path)
    records = from_csv((path / RECORDS).read_bytes(), name=str(path / RECORDS))
    of_key: dict[Key, list[Record]] = {origin.key: [] for origin in found}
    for record in records:
        key = (
            record.benchmark,
            record.label_space,
            record.strategy,
            record.backbone,
            record.seed,
            record.class_order,
        )
        if key not in of_key:
            raise Damage(
                f"{path / RECORDS}: has rows of {key}, which {RUNS} does not list; restore the "
                f"files"
            )
        of_key[key].append(record)
    correct = _read_correct(path)
    file = path / ANSWERS
    told = answers_from_csv(file.read_bytes(), name=str(file)) if file.is_file() else {}
    return [
        Run(origin, tuple(of_key[origin.key]), correct.get(origin.run), told.get(origin.run))
        for origin in found
    ]


def _read_correct(path: Path) -> dict[str, NDArray[np.bool_]]:
    if not (path / CORRECT).is_file():
        return {}
    try:
        rows = list(csv.DictReader(io.StringIO((path / CORRECT).read_text(encoding="utf-8"))))
        bits = {
            row["run"]: np.frombuffer(bytes.fromhex(row["bits"]), dtype=np.uint8) for row in rows
        }
        return {
            row["run"]: np.unpackbits(bits[row["run"]], count=int(row["samples"])).astype(np.bool_)
            for row in rows
        }
    except (KeyError, TypeError, ValueError) as error:
        raise Damage(
            f"{path / CORRECT}: a row cannot be read ({error}); restore the file"
        ) from None

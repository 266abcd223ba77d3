"""Runs: finished runs as the report needs them, from run folders or from folders of committed
records.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.errors import Damage, Mistake, warn
from clvl_bench.core.files import sha256, to_json
from clvl_bench.records.result import Result
from clvl_bench.records.run_folder import RunFolder
from clvl_bench.records.run_id import SCHEMA, digest, is_named_by
from clvl_bench.report.answers import answered
from clvl_bench.report.committed import is_committed, read_committed
from clvl_bench.report.matrices import of_records
from clvl_bench.report.origin import Key as Key
from clvl_bench.report.origin import Origin as Origin
from clvl_bench.report.origin import Run as Run
from clvl_bench.report.origin import Table as Table

NAMED = 3
"""How many run folders that are left out a line names."""


OTHER_ID = (
    "the recorded configuration is not the one that the run's id names (an older version wrote it, "
    "or it was changed); run it again"
)
OLDER_FAILURE = (
    "it failed, and another version wrote of it what this one does not read; run it again"
)
FINISHED_SINCE = "it failed, and a run of the same name has finished since"


@dataclass(frozen=True)
class LeftOut:
    """A run folder that is not shown, and why.

    Args:
        damage: what is not as it was written, if that is why.
    """

    folder: Path
    why: str
    damage: Damage | None = None


@dataclass(frozen=True)
class Found:
    """The runs at some paths, and those that cannot be shown."""

    runs: list[Run]
    left_out: list[LeftOut]

    @property
    def damage(self) -> Damage | None:
        """The first damage that was met."""
        return next((each.damage for each in self.left_out if each.damage is not None), None)


def load(paths: Iterable[Path]) -> list[Run]:
    """The runs found at these paths: run folders, folders of run folders, or committed folders.

    A run of a grid that has no result yet is left out. Lines name what else is: runs that cannot be
    shown, as their recorded configuration is not the one that their id names; failed runs of older
    versions, and those of a name under which another has finished.

    Raises:
        Mistake: nothing is there, or two runs with different settings bear one name.
        Damage: a result is not what was written.
    """
    found = find_runs(paths)
    if found.damage is not None:
        raise found.damage
    return found.runs


def find_runs(paths: Iterable[Path]) -> Found:
    """As `load`, but a run that is damaged is named and left out beside others: one run never
    stops a report.

    Raises:
        Mistake: nothing is there, or two runs with different settings bear one name.
        Damage: nothing else is there.
    """
    found: dict[tuple[Key, str], Run] = {}
    left_out: list[LeftOut] = []
    looked_at = list(paths)
    for path in looked_at:
        for run in _load(path):
            if isinstance(run, LeftOut):
                left_out.append(run)
            else:
                found[run.origin.key, run.origin.run] = run
    left_out += _drop_outdated_failures(found)
    result = Found([found[key] for key in sorted(found)], left_out)
    if not found and result.damage is not None:
        raise result.damage
    for why in dict.fromkeys(each.why for each in left_out):
        _warn_of([each.folder for each in left_out if each.why == why], why)
    if not found:
        where = looked_at[0] if looked_at else "report"
        raise Mistake(f"{where}: no results are there; run something first, for example make bench")
    _refuse_two_of_one_name(result.runs)
    return result


def _refuse_two_of_one_name(runs: Iterable[Run]) -> None:
    """Of one strategy, seed and class order there is one run: two are of a file that changed in
    between, and their mean would be nobody's. (Where prompts, data, weights or the limit differ, a
    table says which.)
    """
    seen: dict[tuple[Key, str, str, str, str], str] = {}
    for run in runs:
        origin = run.origin
        stands_on = origin.limit, origin.prompts_sha256, origin.data_sha256, origin.weights_sha256
        known = seen.setdefault((origin.key, *stands_on), origin.run)
        if origin.state == "done" and known != origin.run:
            raise Mistake(
                f"{known} and {origin.run}: have one name and different settings; report them "
                f"apart, or delete the folder of the one that is no longer wanted"
            )


def _drop_outdated_failures(found: dict[tuple[Key, str], Run]) -> list[LeftOut]:
    """Take away each failed run whose name a finished one bears as well: a file changed since, and
    with it the run's id.
    """
    finished = {key for (key, _), run in found.items() if run.origin.state == "done"}
    dropped = []
    for (key, name), run in list(found.items()):
        if run.origin.state == "failed" and key in finished:
            del found[key, name]
            dropped.append(LeftOut(Path(name), FINISHED_SINCE))
    return dropped


def _warn_of(folders: list[Path], why: str) -> None:
    named = ", ".join(str(folder) for folder in folders[:NAMED])
    more = f" and {len(folders) - NAMED} more" if len(folders) > NAMED else ""
    warn(f"{named}{more}: left out, since {why}")


def _load(path: Path) -> list[Run | LeftOut]:
    if is_committed(path):
        return [*read_committed(path)]
    if RunFolder(path).begun:
        run = _run_folder(path)
        return [] if run is None else [run]
    if (path / "runs").is_dir():
        path = path / "runs"
    return [run for folder in sorted(path.glob("*/")) if (run := _run_folder(folder)) is not None]


def of_result(result: Result) -> Run:
    """A result as the report sees it."""
    origin, timing, config = result.provenance, result.timing, result.provenance["config"]
    hashed, first = origin["hashed"], result.records[0]
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
            config_sha256=digest(hashed)[:16],
            adapter_sha256=sha256(to_json(hashed["strategy_config"]["adapter"]))[:16],
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
        result=result,
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


def _run_folder(path: Path) -> Run | LeftOut | None:
    """A finished or failed run; None for one that is still on its way."""
    folder = RunFolder(path)
    if folder.finished:
        return _finished(folder)
    failure = folder.failure()
    if failure is None:
        return None
    if failure.schema != SCHEMA:
        return LeftOut(path, OLDER_FAILURE)
    try:
        return Run(Origin(state="failed", reason=failure.reason, **failure.coordinates), ())
    except TypeError:  # other coordinates, written by another version
        return LeftOut(path, OLDER_FAILURE)


def _finished(folder: RunFolder) -> Run | LeftOut:
    try:
        result = folder.result()
        hashed = result.provenance.get("hashed")
        if hashed is None or not is_named_by(result.provenance["run"], hashed):
            return LeftOut(folder.path, OTHER_ID)
        run = of_result(result)
        of_records(run.records).per_run()
    except Damage as damage:
        return LeftOut(folder.path, str(damage), damage)
    except Exception as error:
        # Whatever is odd about one run, recorded by whichever version, is no reason to show none.
        said = (str(error).splitlines() or [""])[0]
        return LeftOut(folder.path, f"it cannot be shown ({type(error).__name__}: {said})")
    return run

"""Run folder: the files of one run, written so that no reader ever sees half of it.

It holds status.json, segments/ (rows) and predictions/, which only grow, and result.json, which is
written last, holds the provenance and the timing, and names the hash of every other result. Only a
folder with a valid result.json counts. While a run is under way, state/ holds its checkpoints.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clvl_bench.core.errors import Damage
from clvl_bench.core.files import PLAIN, Changes, parse_json, sha256, to_json
from clvl_bench.records.result import Result
from clvl_bench.records.rows import Record, from_csv, to_csv
from clvl_bench.records.run_id import SCHEMA, is_named_by
from clvl_bench.records.segment import PREDICTIONS, SEGMENTS, Segment

RESULT, STATUS, STATE = "result.json", "status.json", "state"
RECORDS = "records.csv"
"""All rows in one file: in committed folders, and in run folders from before there were
segments."""


@dataclass(frozen=True)
class Failure:
    """A run that ended without a result: why, which run it was, and of which schema its id is (0
    where an older version wrote it).
    """

    reason: str
    coordinates: Mapping[str, Any]
    schema: int


class RunFolder:
    """The files of one run.

    Args:
        path: the folder; it appears with the first file.
        changes: makes every change, and raises once somebody else has taken the run over.
    """

    def __init__(self, path: Path, *, changes: Changes = PLAIN) -> None:
        self.path = path
        self.changes = changes

    # --- what is there ---

    @property
    def state(self) -> Path:
        """Where the checkpoints lie."""
        return self.path / STATE

    @property
    def begun(self) -> bool:
        """Whether this is the folder of a run at all."""
        return self.finished or (self.path / STATUS).is_file()

    @property
    def finished(self) -> bool:
        return (self.path / RESULT).is_file()

    @property
    def closed(self) -> bool:
        """Finished, said so, and nothing is left beside it: nobody was killed behind the result."""
        if not self.finished or any(self.path.glob("claim.*")) or any(self.state.glob("*")):
            return False
        return bool(self.status().get("state") == "done")

    @property
    def is_of_its_id(self) -> bool:
        """Whether its result is of the configuration that the folder's name says, and not of
        another one whose folder was copied or renamed.
        """
        try:
            hashed = self._summary()["provenance"]["hashed"]
        except (Damage, OSError, KeyError, TypeError):
            return False
        return is_named_by(self.path.name, hashed)

    def failure(self) -> Failure | None:
        """Why the run failed; None where it did not, or where its status cannot be read."""
        status = self.status()
        if status.get("state") != "failed":
            return None
        try:
            told = dict(status["coordinates"])
            return Failure(str(status["reason"]), told, int(status.get("schema", 0)))
        except (KeyError, TypeError, ValueError, OverflowError):
            return None

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def status(self) -> dict[str, Any]:
        """What status.json says; nothing where there is none that can be read."""
        try:
            status = parse_json(self.read(STATUS))
        except (OSError, ValueError):
            return {}
        return status if isinstance(status, dict) else {}

    # --- a run under way ---

    def write(self, name: str, data: bytes) -> str:
        """Write a file of the run, if nobody has taken it over; gives its hash."""
        self.changes.write(self.path / name, data)
        return sha256(data)

    def set_status(self, state: str, **facts: Any) -> None:
        """`running`, `done`, `interrupted` or `failed`, with the reason in one line."""
        data = to_json({"state": state, **facts})
        # How far a run is need not outlive the machine; how it ended must.
        self.changes.write(self.path / STATUS, data, durable=state != "running")

    def set_failed(self, coordinates: dict[str, Any], reason: str) -> None:
        """The run ended without a result; tables show it as failed, with this reason."""
        named = {"run": self.path.name, **coordinates}
        self.set_status("failed", reason=reason, coordinates=named, schema=SCHEMA)

    def append(
        self, number: int, *, trained: int, records: Iterable[Record], predictions: bytes | None
    ) -> Segment:
        """Write the segment of that number.

        Args:
            predictions: as safetensors; None where nothing was evaluated.
        """
        rows = to_csv(records)
        predicted = None if predictions is None else sha256(predictions)
        segment = Segment(number, trained, sha256(rows), predicted)
        if predictions is not None:
            self.write(segment.predictions_file, predictions)
        self.write(segment.records_file, rows)
        return segment

    def damaged(self, segments: Iterable[Segment]) -> Path | None:
        """The first file of these segments that is missing or not what was written."""
        for segment in segments:
            for name, expected in segment.files.items():
                if self._hash(name) != expected:
                    return self.path / name
        return None

    def records(self, segments: Iterable[Segment]) -> list[Record]:
        """The rows of some segments, in the order in which they were measured.

        Raises:
            Damage: a row cannot be read.
        """
        rows: list[Record] = []
        for segment in segments:
            name = segment.records_file
            rows += from_csv(self.read(name), name=str(self.path / name))
        return rows

    def drop_all_but(self, segments: Iterable[Segment]) -> None:
        """Remove what was written behind the state that the run goes on from."""
        named = {name for segment in segments for name in segment.files}
        for folder in (SEGMENTS, PREDICTIONS):
            for path in sorted((self.path / folder).glob("*")):
                if f"{folder}/{path.name}" not in named:
                    self.changes.remove(path)

    def begin_anew(self) -> None:
        """Remove everything that an earlier start left.

        The checkpoints go first: none may be left that names what is gone.
        """
        self.changes.remove(self.state)
        self.drop_all_but(())

    def finish(
        self,
        *,
        provenance: dict[str, Any],
        segments: Sequence[Segment],
        beside: Mapping[str, str],
        timing: dict[str, Any],
    ) -> None:
        """Write result.json: the hashes of all result files, and from then on the run counts.

        Everything outside `timing` is the same for an undisturbed run and for one that was killed
        and continued.

        Args:
            segments: with the hashes of what was written, not of what lies there now.
            beside: name and hash of each other result file.
        """
        body = {
            "files": dict(beside),
            "provenance": provenance,
            "segments": [vars(segment) for segment in segments],
        }
        self.write(RESULT, to_json({**_sealed(body), "timing": _sealed(timing)}))

    # --- a finished run ---

    def result(self) -> Result:
        """Read the finished run, verifying every hash.

        Raises:
            Damage: a file of the run is missing or differs from what was recorded.
        """
        summary = self._summary()
        segments = [Segment.of(content) for content in summary.get("segments", ())]
        expected = dict(summary["files"])
        for segment in segments:
            expected |= segment.files
        for name, recorded in expected.items():
            self._verify(name, recorded)
        if "segments" in summary:
            records = self.records(segments)
            predicted = [
                (each.trained, self.path / each.predictions_file)
                for each in segments
                if each.predictions_sha256 is not None
            ]
        else:  # from before there were segments: all rows in one file
            records = from_csv(self.read(RECORDS), name=str(self.path / RECORDS))
            files = sorted((self.path / PREDICTIONS).glob("*.safetensors"))
            predicted = [(int(file.stem), file) for file in files]
        return Result(
            folder=self.path,
            provenance=summary["provenance"],
            timing=summary["timing"],
            records=records,
            evaluations=tuple(predicted),
        )

    def _summary(self) -> dict[str, Any]:
        """What result.json holds, once its seals fit."""
        try:
            summary: dict[str, Any] = parse_json(self.read(RESULT))
            timing = summary.pop("timing")
            if not (_seal_fits(summary) and _seal_fits(timing)):
                raise ValueError("its seal does not fit")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Damage(
                f"{self.path / RESULT}: is not what was written ({str(error).splitlines()[0]}); "
                f"{self._mend}"
            ) from None
        return {**summary, "timing": timing}

    def _verify(self, name: str, recorded: str) -> None:
        actual = self._hash(name)
        if actual is None:
            raise Damage(f"{self.path / name}: is missing; {self._mend}")
        if actual != recorded:
            raise Damage(
                f"{self.path / name}: sha256 is {actual[:8]}, recorded {recorded[:8]}; {self._mend}"
            )

    def _hash(self, name: str) -> str | None:
        try:
            return sha256(self.read(name))
        except FileNotFoundError:
            return None

    @property
    def _mend(self) -> str:
        return f"delete {self.path} and run it again"


def _sealed(body: dict[str, Any]) -> dict[str, Any]:
    """The body with a hash of itself, so that a change inside result.json is noticed too."""
    return {**body, "seal": sha256(to_json(body))}


def _seal_fits(sealed: dict[str, Any]) -> bool:
    return bool(sealed.pop("seal") == sha256(to_json(sealed)))

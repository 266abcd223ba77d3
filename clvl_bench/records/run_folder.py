"""Records: one tidy row per measured value, and the folder of a run, written so that no reader ever
sees half of it.

A run folder holds status.json, records.csv, predictions/, and result.json, which is written last,
holds the provenance and the timing, and names the hash of every other result. Only a folder with a
valid result.json counts.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clvl_bench.core.errors import Damage
from clvl_bench.core.files import sha256, to_json, write_atomically
from clvl_bench.records.rows import Record, from_csv

RESULT = "result.json"
RECORDS = "records.csv"
QUESTIONS, PICTURES = "questions.json", "pictures.safetensors"
"""What a report must know of the test questions of a run that answered some, and small pictures of
a few."""


@dataclass(frozen=True)
class Result:
    """A finished run as read back and verified: where its numbers come from, what it cost, its
    rows.
    """

    folder: Path
    provenance: dict[str, Any]
    timing: dict[str, Any]
    records: list[Record]


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path, *, guard: Callable[[], None] = lambda: None) -> None:
        self.path, self._guard = path, guard

    def write(self, name: str, data: bytes) -> None:
        """Write a file of the run, if the guard does not object: it raises once somebody else has
        taken over.
        """
        self._guard()
        write_atomically(self.path / name, data)

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    @property
    def finished(self) -> bool:
        return (self.path / RESULT).is_file()

    @property
    def closed(self) -> bool:
        """Finished, said so, and nothing is left beside it: nobody was killed behind the result."""
        if not self.finished or (self.path / "state").exists() or any(self.path.glob("claim.*")):
            return False
        try:
            return bool(json.loads((self.path / "status.json").read_bytes())["state"] == "done")
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def set_status(self, state: str, **facts: Any) -> None:
        """`running`, `done`, `interrupted` or `failed`, with the reason in one line."""
        self.write("status.json", to_json({"state": state, **facts}))

    def set_failed(self, coordinates: dict[str, Any], reason: str) -> None:
        """The run ended without a result; tables show it as failed, with this reason."""
        self.set_status("failed", reason=reason, coordinates={"run": self.path.name, **coordinates})

    def finish(
        self, *, provenance: dict[str, Any], results: list[str], timing: dict[str, Any]
    ) -> None:
        """Write result.json: the hashes of all result files, and from then on the run counts.

        Everything outside `timing` is the same for an undisturbed run and for one that was killed
        and continued.
        """
        body = {
            "files": {name: sha256(self.read(name)) for name in sorted(results)},
            "provenance": provenance,
        }
        self.write(RESULT, to_json({**_sealed(body), "timing": _sealed(timing)}))

    def result(self) -> Result:
        """Read the finished run, verifying every hash.

        Raises:
            Damage: a file of the run is missing or differs from what was recorded.
        """
        mend = f"delete {self.path} and run it again"
        try:
            summary = json.loads(self.read(RESULT))
            timing = summary.pop("timing")
            if not (_seal_fits(summary) and _seal_fits(timing)):
                raise ValueError("its seal does not fit")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Damage(
                f"{self.path / RESULT}: is not what was written ({str(error).splitlines()[0]}); "
                f"{mend}"
            ) from None
        for name, expected in summary["files"].items():
            try:
                actual = sha256(self.read(name))
            except FileNotFoundError:
                raise Damage(f"{self.path / name}: is missing; {mend}") from None
            if actual != expected:
                raise Damage(
                    f"{self.path / name}: sha256 is {actual[:8]}, recorded {expected[:8]}; {mend}"
                )
        records = from_csv(self.read(RECORDS), name=str(self.path / RECORDS))
        return Result(self.path, summary["provenance"], timing, records)


def _sealed(body: dict[str, Any]) -> dict[str, Any]:
    """The body with a hash of itself, so that a change inside result.json is noticed too."""
    return {**body, "seal": sha256(to_json(body))}


def _seal_fits(sealed: dict[str, Any]) -> bool:
    return bool(sealed.pop("seal") == sha256(to_json(sealed)))

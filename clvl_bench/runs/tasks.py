"""Tasks: a run as a grid gives it to a worker, in whatever process that is, and what the worker
tells of it. Both travel as JSON.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from clvl_bench.core import stopping
from clvl_bench.core.errors import Busy, Stopped, warn
from clvl_bench.core.faults import as_line
from clvl_bench.core.lock import Watch
from clvl_bench.records.run_folder import RunFolder
from clvl_bench.runs.config import RunConfig

if TYPE_CHECKING:
    from clvl_bench.records.rows import Record
    from clvl_bench.runs.setup import Sources


@dataclass(frozen=True)
class Task:
    """A run to do.

    Args:
        device: as it was asked for.
        dead: the token of a claim on it that is known to be dead.
        log_to: trackers that are handed the rows as curves.
    """

    config: RunConfig
    device: str = "cpu"
    dead: str = ""
    log_to: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        return json.dumps({**vars(self), "config": self.config.model_dump(mode="json")}).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        told = json.loads(text)
        config = RunConfig.model_validate(told["config"])
        return cls(config, told["device"], told["dead"], tuple(told["log_to"]))


@dataclass(frozen=True)
class Told:
    """What a worker tells of its run.

    Args:
        state: `running`, or how it ended: `done`, `failed`, `interrupted`, `elsewhere` (another
            process had ended it), `busy` (another has it).
        learned, experiences: how many of how many are learned.
        accuracy: the mean over the test experiences that could be scored, when last measured.
        progressed: whether its worker has kept anything new.
    """

    state: str
    reason: str = ""
    learned: int = 0
    experiences: int = 0
    accuracy: float | None = None
    progressed: bool = False

    @property
    def is_end(self) -> bool:
        return self.state != "running"

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        return cls(**json.loads(text))


def perform(
    task: Task, results: Path, *, sources: "Sources", tell: Callable[[Told], None] | None = None
) -> Told:
    """Run it, and say how it ended.

    Args:
        sources: keep what one run of this process loads for the next.
        tell: is told of each kept state.
    """
    from clvl_bench.runs.devices import choose_device
    from clvl_bench.runs.runner import record_failure, run

    config = task.config
    folder = RunFolder(results / "runs" / config.id)
    if folder.closed and folder.is_of_its_id:
        return Told("elsewhere", "by another process")
    try:
        result = run(
            config,
            results=results,
            device=choose_device(task.device, config.precision),
            progress=False,
            observer=None if tell is None else _telling(tell),
            sources=sources,
            claims=Watch(task.dead),
            log_to=task.log_to,
        )
        return Told("done", accuracy=accuracy(result.records), progressed=True)
    except Busy:
        return Told("busy")
    except Stopped as stopped:
        return Told("interrupted", str(stopped), progressed=stopping.progressed())
    except Exception as error:
        reason = _in_a_line(error)
    record_failure(config, reason, results=results)
    return Told("failed", reason)


def kept_sources() -> "Sources":
    from clvl_bench.runs.last_sources import LastSources

    return LastSources()


def warn_of_stop(running: int) -> None:
    """Say that a grid ends, as soon as its runs have come to their next kept state."""
    if running:
        warn(
            f"told to stop ({stopping.asked()}): waiting until all runs have come to their next "
            f"kept state: {running}"
        )


def accuracy(records: "Sequence[Record]") -> float | None:
    """The mean accuracy over the test experiences after the last one; None where there is none."""
    of_test = [each for each in records if each.stream == "test" and each.metric == "accuracy"]
    last = max((each.trained for each in of_test), default=0)
    values = [each.value for each in of_test if each.trained == last and each.experience >= 0]
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else None


def _in_a_line(error: Exception) -> str:
    """Why a run failed; a fault of ours fails this run, not the grid."""
    failure = as_line(error)
    if failure is not None:
        return str(failure)
    return f"bug: {type(error).__name__}: {error}".splitlines()[0]


def _telling(tell: Callable[[Told], None]) -> Any:
    """An observer that tells of each kept state."""
    from clvl_bench.runs.observer import RunObserver

    class Teller(RunObserver):
        def prepared(self, prepared: Any) -> None:
            self._experiences = len(prepared.benchmark.scenario.train_stream)

        def strategy_built(self, strategy: Any, prepared: Any, *, untouched: bool) -> None:
            if not untouched:
                self._strategy = strategy

        def state_kept(self, checkpoint: Any) -> None:
            learned = self._strategy.n_experiences
            tell(Told("running", learned=learned, experiences=self._experiences))

    return Teller()

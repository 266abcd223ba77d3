"""Runner: one run, from its configuration to a verified result: evaluate, train, evaluate, ...,
keep enough to go on.
"""

import math
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from avalanche.training.plugins import EvaluationPlugin
from safetensors.numpy import save

from clvl_bench.core import stopping, world
from clvl_bench.core.errors import Busy, ClvlError, Mistake, RunFailed, Stopped
from clvl_bench.core.faults import as_failure
from clvl_bench.core.files import Changes, NoChanges, discard, remove_strays, to_json
from clvl_bench.core.lock import Life, Watch, locked
from clvl_bench.core.resources import (
    Stopwatch,
    peak_device_mib,
    peak_mib,
    reset_device_peak,
    reset_peak,
)
from clvl_bench.exporters.base import Facts
from clvl_bench.exporters.exports import Exports, flat
from clvl_bench.metrics.samples import FURTHER
from clvl_bench.records.result import PICTURES, QUESTIONS, Result
from clvl_bench.records.run_folder import RunFolder
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.observer import RunObserver
from clvl_bench.runs.provenance import STANDS_ON
from clvl_bench.runs.run_state import RunState, build_learner
from clvl_bench.runs.setup import Prepared, Sources, prepare
from clvl_bench.streams.benchmark import Benchmark
from clvl_bench.streams.class_plan import positive_classes
from clvl_bench.streams.learner_view import LearnerView
from clvl_bench.streams.plan import Plan
from clvl_bench.streams.scenario import Experience
from clvl_bench.streams.vqa.samples import vqa_samples
from clvl_bench.training.evaluation import Measured, Predictions, RecordLogger, plugin_metrics
from clvl_bench.training.evaluator import Evaluator
from clvl_bench.training.progress import Progress
from clvl_bench.training.strategy import AdaptationStrategy, build_strategy
from clvl_bench.training.time_left import Work

LANE = "CLVL_LANE"
"""The environment variable that names the job of a cluster in which a run is under way."""


def run(
    config: RunConfig,
    *,
    results: Path,
    device: str = "cpu",
    progress: bool = True,
    observer: RunObserver | None = None,
    sources: Sources | None = None,
    claims: Watch | None = None,
    log_to: Sequence[str] = (),
) -> Result:
    """Run it, or go on where it was interrupted, or read it back if it is finished.

    Args:
        results: the folder whose `runs` holds the run folders.
        observer: is told how the run goes, and may step in.
        sources: where data and weights come from; one that keeps them serves several runs.
        claims: what is known of other processes; if None, one that cannot be asked is watched.
        log_to: trackers (`exporters.listing`) that are handed the rows as curves.

    Raises:
        RunFailed: the run cannot go on; the reason is also in its status.json.
        Busy: another process works on it.
        Stopped: the process was asked to stop; the state is kept.
        Followed: of several processes this is not the first, and its work is done.
        Mistake, Missing, Damage: configuration, data, weights or an older result are not as they
            should be.
    """
    reset_peak()
    reset_device_peak(device)
    watch = Stopwatch()
    observer = observer or RunObserver()
    stopping.begin()

    def prepared() -> Prepared:
        with watch.on("prepare"):
            found = prepare(config, device=device, sources=sources)
        observer.prepared(found)
        return found

    folder = RunFolder(results / "runs" / config.id)
    facts = _facts(config, results)
    if _is_finished(folder):
        return _handed_over(_verified(folder, prepared()), Exports(log_to, facts, folder))
    # Claimed before anything is prepared: others may prepare something else meanwhile.
    with _claimed(folder.path, claims) as changes:
        held = RunFolder(folder.path, changes=changes)
        if _is_finished(held):  # by another process, since we looked
            _close(held)
            return _handed_over(_verified(held, prepared()), Exports(log_to, facts, held))
        remove_strays(held.path)
        trackers = log_to if world.is_first() else ()
        with _failures_recorded(held, config), Exports(trackers, facts, held) as exports:
            return _execute(prepared(), held, watch, observer, exports, progress=progress)


def _is_finished(folder: RunFolder) -> bool:
    """Of several processes only the first reads a finished run back."""
    finished = world.decided(lambda: folder.finished)
    if finished:
        world.leave_to_first()
    return finished


@contextmanager
def _claimed(path: Path, claims: Watch | None) -> Iterator[Changes]:
    """Hold the folder of a run; of several processes that work on it the first does, and is the one
    that may change it.

    Raises:
        Busy: processes of another run of the command hold it.
    """
    with ExitStack() as held:
        changes: Changes = NoChanges()

        def claim() -> None:
            nonlocal changes
            changes = held.enter_context(locked(path, watch=claims)).changes

        world.decided(claim)
        yield changes


def record_failure(config: RunConfig, reason: str, *, results: Path) -> bool:
    """Leave in a run's folder why it failed, if nobody else works on it and it is not finished;
    whether that was so.
    """
    path = results / "runs" / config.id
    try:
        with locked(path, watch=Watch()) as lock:
            folder = RunFolder(path, changes=lock.changes)
            if folder.finished:
                return False
            folder.set_failed(config.coordinates, reason)
    except Busy:
        return False
    except OSError as error:
        if as_failure(error) is None:
            raise
        # A disk that cannot be written takes no reason either; the reason is told all the same.
    return True


def _facts(config: RunConfig, results: Path) -> Facts:
    """What trackers are told of a run: no folder of this machine but where it lies."""
    settings = flat({**config.hashed(), **config.coordinates})
    folder = results / "runs" / config.id
    return Facts(config.id, config.benchmark, settings, folder, results)


def _handed_over(result: Result, exports: Exports) -> Result:
    """What trackers do not have yet of a finished run."""
    with exports:
        exports.hand_over(result.records)
    return result


@contextmanager
def _failures_recorded(folder: RunFolder, config: RunConfig) -> Iterator[None]:
    """If the run fails or is told to stop, leave the reason in its folder."""
    try:
        yield
    except KeyboardInterrupt:
        with suppress(ClvlError, OSError):
            folder.set_status("interrupted")
        raise
    except Stopped as stopped:
        with suppress(ClvlError, OSError):
            folder.set_status("interrupted", reason=f"{stopped}; the same command goes on")
        raise
    except Exception as error:
        failure = error if isinstance(error, RunFailed) else as_failure(error)
        if failure is None:
            raise
        if not folder.finished:  # behind the result only the closing failed
            with suppress(ClvlError, OSError):  # of a folder that is gone or cannot be written
                folder.set_failed(config.coordinates, str(failure))
        raise failure from None


# --- the loop ---


def _execute(
    prepared: Prepared,
    folder: RunFolder,
    watch: Stopwatch,
    observer: RunObserver,
    exports: Exports,
    *,
    progress: bool,
) -> Result:
    """Evaluate before training, then learn each experience and evaluate again."""
    config = prepared.config
    experiences = list(prepared.benchmark.scenario.train_stream)
    title = f"{config.benchmark} {config.strategy} seed {config.seed}"
    with Progress(title, _work(prepared.benchmark), silent=not progress) as bars:
        log = RecordLogger(config.coordinates)
        predictions: list[Predictions] = []
        stream = config.benchmark_config
        metrics = plugin_metrics(
            keep=predictions.append, further=stream.metrics, positive=positive_classes(stream)
        )
        evaluator = Evaluator(*metrics, loggers=[log, bars], collect_all=False)
        learner = build_learner(prepared, evaluator)
        observer.strategy_built(learner, prepared, untouched=False)
        # Only now: a strategy that cannot be built writes nothing.
        _say_how_far(folder, bars, 0, len(experiences))
        state = RunState(
            prepared,
            folder,
            watch,
            observer,
            exports,
            strategy=learner,
            log=log,
            predictions=predictions,
        )
        done = _resume_or_begin(state, evaluator)
        bars.resumed(done)
        if done:
            _say_how_far(folder, bars, done, len(experiences))
        for number, experience in enumerate(experiences[done:], start=done + 1):
            _learn_and_evaluate(state, experience, number)
            if number == len(experiences):
                state.finish_stream()
            state.keep()
            bars.experience_done(number)
            if number < len(experiences):
                _say_how_far(folder, bars, number, len(experiences))
                world.decided(stopping.safe_point)
    world.leave_to_first()
    return _finish(state)


def _say_how_far(folder: RunFolder, bars: Progress, learned: int, experiences: int) -> None:
    """In the run's status, for those who look from another machine."""
    left = bars.seconds_left
    folder.set_status(
        "running",
        pid=os.getpid(),
        host=socket.gethostname(),
        lane=os.environ.get(LANE, ""),
        learned=learned,
        experiences=experiences,
        seconds_left=None if left is None else round(left),
    )


def _resume_or_begin(state: RunState, evaluator: EvaluationPlugin) -> int:
    """The number of experiences done; where the run starts anew, row 0 is measured and kept."""
    done = state.resume()
    state.observer.resumed(done)
    if done is not None:
        return done
    prepared = state.prepared
    config = prepared.config
    view = prepared.benchmark.view
    untouched = build_strategy(
        config.untouched,
        prepared.backbone,
        LearnerView(view.plan, prepared.features, view.visible_labels),
        evaluator=evaluator,
        seed=config.seed,
        features=prepared.features,
        teacher=prepared.teacher,
        device=prepared.device,
    )
    state.observer.strategy_built(untouched, prepared, untouched=True)
    _evaluate(untouched, state)
    _refuse_nan(untouched, state)
    state.keep()
    world.decided(stopping.safe_point)
    return 0


def _learn_and_evaluate(state: RunState, experience: Experience, number: int) -> None:
    strategy, observer = state.strategy, state.observer
    observer.before_training(strategy, experience)
    with state.watch.on("train"):
        state.learn(experience, number)
    observer.after_training(strategy, experience)
    _evaluate(strategy, state)
    _refuse_nan(strategy, state)
    _record_costs(state)


def _evaluate(strategy: AdaptationStrategy, state: RunState) -> None:
    state.observer.before_evaluation(strategy)
    with state.watch.on("evaluate"):
        evaluate(strategy, state.prepared.benchmark)
    state.observer.after_evaluation(strategy)


def evaluate(strategy: AdaptationStrategy, benchmark: Benchmark) -> None:
    """Test and held-out experiences whose classes are among the candidates by now; after the last,
    validation as well.
    """
    plan = benchmark.view.plan
    done = strategy.n_experiences
    for name in _evaluated_after(plan, done):
        stream = benchmark.scenario.streams[name]
        scorable = [each for each in stream if plan.scorable(each.spec, done)]
        if not scorable:
            continue
        ids = np.concatenate([each.spec.ids for each in scorable])
        with benchmark.label_store.temporarily_visible(ids):
            strategy.eval(scorable)


def _evaluated_after(plan: Plan, done: int) -> tuple[str, ...]:
    is_last = done == len(plan.streams["test"])
    return ("valid", "test", "zeroshot") if is_last else ("test", "zeroshot")


def _work(benchmark: Benchmark) -> list[Work]:
    """What each experience takes, for the time that is left."""
    plan = benchmark.view.plan
    work = []
    done = 0
    for spec in plan.streams["train"]:
        done += spec.covers
        train = len(spec.ids) if spec.epoch_samples is None else spec.epoch_samples
        evaluated = 0
        for name in _evaluated_after(plan, done):
            scorable = [each for each in plan.streams[name] if plan.scorable(each, done)]
            evaluated += sum(len(each.ids) for each in scorable)
        work.append(Work(train, evaluated))
    return work


def _refuse_nan(strategy: AdaptationStrategy, state: RunState) -> None:
    """An accuracy is undefined where classes have no text; anywhere else it means that the model is
    broken. Further metrics of samples may be undefined: a class may have no sample.
    """
    if not state.prepared.text_known:
        return
    learned = strategy.n_experiences
    for record in state.new_records:
        of_scores = record.trained == learned and record.metric not in FURTHER
        if of_scores and math.isnan(record.value):
            raise strategy.broken(f"scores are not numbers after experience {learned}")


def _record_costs(state: RunState) -> None:
    """Trained parameters, kept bytes and samples, and whether predictions depend on each other; the
    end of the run if more is kept than the benchmark allows.
    """
    strategy = state.strategy
    done = strategy.n_experiences
    trained = [each for each in strategy.adapter.parameters() if each.requires_grad]
    kept = strategy.kept_bytes()
    costs = {
        "trained_parameters": sum(each.numel() for each in trained),
        "kept_bytes": kept,
        "memory_samples": strategy.kept_samples(),
    }
    if strategy.adapter.config.transductive:
        costs["transductive"] = 1
    for metric, value in costs.items():
        state.log.add(Measured(metric, done, "", -1, "", 1), float(value))
    budget = state.prepared.config.benchmark_config.memory_budget
    if budget is not None and kept > budget:
        raise RunFailed(
            f"memory: {kept} bytes are kept after experience {done}, the benchmark's "
            f"memory_budget is {budget}; keep less (memory_size, memory_bytes) or train fewer "
            f"parameters"
        )


# --- the end ---


def _finish(state: RunState) -> Result:
    """Write the result, close the folder and read it back."""
    folder = state.folder
    folder.finish(
        provenance=state.prepared.provenance,
        segments=state.segments,
        beside=_write_questions(state.prepared, folder),
        timing=_timing(state.watch, state.prepared.device),
    )
    _close(folder)
    return folder.result()


def _write_questions(prepared: Prepared, folder: RunFolder) -> dict[str, str]:
    """What a report must know of a stream of questions: name and hash of each file."""
    plan = prepared.benchmark.view.plan
    shown = vqa_samples(plan, prepared.parts, prepared.config.benchmark_config.questions)
    if shown is None:
        return {}
    written = {QUESTIONS: folder.write(QUESTIONS, to_json(shown.questions))}
    # Pictures of somebody's data stay where they lie: a report reads them there if it is asked to.
    if prepared.config.benchmark_config.is_painted:
        pictures = save({"pictures": shown.pictures})
        written[PICTURES] = folder.write(PICTURES, pictures)
    return written


def _timing(watch: Stopwatch, device: str) -> dict[str, Any]:
    of_device = peak_device_mib(device)
    peaks = {} if of_device is None else {"peak_device_memory_mib": round(of_device, 1)}
    seconds = {f"{what}_seconds": round(spent, 3) for what, spent in sorted(watch.seconds.items())}
    return {
        **seconds,
        "peak_memory_mib": round(peak_mib(), 1),
        **peaks,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _close(folder: RunFolder) -> None:
    """What comes after the result; a run that was killed behind its result is closed when it is
    read back.
    """
    _clean(folder.path)
    folder.set_status("done")
    folder.changes.remove(folder.state)


def _verified(folder: RunFolder, prepared: Prepared) -> Result:
    """A finished run, once its files are as written, and its whole configuration, data, prompts,
    weights and outside methods are those of now.
    """
    result = folder.result()
    for what, name in STANDS_ON.items():
        if result.provenance.get(what) != prepared.provenance.get(what):
            raise Mistake(
                f"{folder.path} is a finished run with other {name}; "
                "choose another --results folder, or delete it to run anew"
            )
    remove_strays(folder.path)
    if not folder.closed:
        _close_if_left(folder)
    return result


def _close_if_left(folder: RunFolder) -> None:
    """Close the folder of a run that was killed behind its result, if nobody works on it."""
    watch = Watch()
    if watch.life(folder.path) in (Life.FREE, Life.DEAD):
        with suppress(Busy), locked(folder.path, watch=watch) as lock:
            _close(RunFolder(folder.path, changes=lock.changes))


def _clean(path: Path) -> None:
    """Remove what a killed writer left half done."""
    left = [*path.glob(".*.tmp"), *path.glob("*/.*.tmp")]
    for each in left:
        discard(each)

"""Runner: one run, from its configuration to a verified result: evaluate, train, evaluate, ...,
keep enough to go on.
"""

import math
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from avalanche.training.plugins import EvaluationPlugin
from safetensors.numpy import save

from clvl_bench.core.errors import Busy, Mistake, RunFailed
from clvl_bench.core.files import to_json
from clvl_bench.core.resources import Stopwatch, out_of_memory, peak_mib, reset_peak
from clvl_bench.records.rows import from_csv, to_csv
from clvl_bench.records.run_folder import PICTURES, QUESTIONS, RECORDS, Result, RunFolder
from clvl_bench.runs import checkpoint
from clvl_bench.runs.checkpoint import Checkpoint
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.lock import is_locked, locked
from clvl_bench.runs.setup import Prepared, prepare
from clvl_bench.streams.benchmark import Benchmark
from clvl_bench.streams.label_delay import NEVER
from clvl_bench.streams.learner_view import LearnerView
from clvl_bench.streams.scenario import Experience
from clvl_bench.streams.vqa.samples import vqa_samples
from clvl_bench.training.config import StrategyConfig
from clvl_bench.training.evaluation import (
    Accuracy,
    Measured,
    Predictions,
    RecordLogger,
    SelectorAccuracy,
)
from clvl_bench.training.online import OnlineStrategy
from clvl_bench.training.online_runner import OnlineRunner
from clvl_bench.training.prequential import PseudoTally
from clvl_bench.training.progress import Progress
from clvl_bench.training.strategy import AdaptationStrategy, build_strategy


@dataclass
class RunState:
    """A run under way: what it stands on, who learns, what was measured since the last state was
    kept.
    """

    prepared: Prepared
    folder: RunFolder
    watch: Stopwatch
    strategy: AdaptationStrategy
    log: RecordLogger
    predictions: list[Predictions]
    walk: OnlineRunner | None = None

    def __post_init__(self) -> None:
        config = self.prepared.config.benchmark_config
        if config.online is not None:
            assert isinstance(self.strategy, OnlineStrategy)
            keep = lambda: self.keep(0)  # noqa: E731 (how far the walk is it says itself)
            self.walk = OnlineRunner(
                self.prepared.benchmark,
                config.online,
                self.strategy,
                self.log,
                keep=keep,
                budget=config.memory_budget,
            )

    def learn(self, experience: Experience, number: int) -> None:
        """The training experience of that number, from 1."""
        if self.walk is not None:
            self.walk.through(experience, number)
        else:
            self.prepared.benchmark.label_store.reveal(experience.spec.ids)
            self.strategy.train(experience, eval_streams=[])
            self._judge_pseudo_labels(experience)

    def _judge_pseudo_labels(self, experience: Experience) -> None:
        """Of the last epoch: the share that was learned from, and the share of these that was
        right.
        """
        said = self.strategy.pseudo_labels()
        if not said:
            return
        ids, labels, kept = (
            np.concatenate([getattr(each, name) for each in said])
            for name in ("ids", "labels", "kept")
        )
        true, table = self.prepared.benchmark.label_store.of(ids), experience.plan.classes
        right = (labels == true)[kept]
        here: dict[str, Any] = {
            "trained": self.strategy.n_experiences,
            "stream": "train",
            "experience": experience.spec.index,
        }
        self.log.add(
            Measured("pseudo_coverage", n=len(kept), dataset="", **here), float(kept.mean())
        )
        if len(right):
            self.log.add(
                Measured("pseudo_precision", n=len(right), dataset="", **here), float(right.mean())
            )
        tally = PseudoTally(len(table))
        tally.add(labels, kept, true)
        for place, name, value, n in tally.rates():
            self.log.add(Measured(name, n=n, dataset=table[place].title, **here), value)

    def count_labels(self) -> None:
        """How many training samples had a label, where a benchmark without steps does not give
        all.
        """
        if self.walk is not None:
            self.walk.finish()
        elif self.prepared.config.benchmark_config.supervision.kind != "full":
            benchmark = self.prepared.benchmark
            arrivals = benchmark.label_store.arrivals[
                np.unique(np.concatenate([s.ids for s in benchmark.view.plan.streams["train"]]))
            ]
            used, n = int((arrivals != NEVER).sum()), len(arrivals)
            rows = {
                "labels_used": used,
                "labels_never": n - used,
                "labelled_share": used / n,
                "mean_delay": 0,
            }
            for metric, value in rows.items():
                self.log.add(
                    Measured(metric, self.strategy.n_experiences, "train", -1, "", n), float(value)
                )

    def resume(self) -> int | None:
        """Take up the newest checkpoint; the number of experiences done, or None where there is
        nothing to take up.

        What was learned by other code, versions, data or weights than those of now is dropped: a
        result has one provenance.
        """
        state = self.folder.path / "state"
        found = checkpoint.latest(state)
        if found is None or found.notes.get("provenance") != self.prepared.provenance:
            shutil.rmtree(state, ignore_errors=True)
            return None
        self.strategy.load(found.state)
        self.log.records[:] = from_csv(found.notes["records"].encode(), name="checkpoint")
        for what, spent in found.notes["seconds"].items():
            self.watch.seconds[what] = self.watch.seconds.get(what, 0.0) + spent
        if self.walk is not None:
            self.walk.load(found.notes["walk"])
            return self.walk.experiences_done
        for experience in self.prepared.benchmark.scenario.train_stream[: found.trained]:
            self.prepared.benchmark.label_store.reveal(experience.spec.ids)
        return found.trained

    def keep(self, done: int) -> None:
        """Write predictions, then the state from which the run can go on behind them."""
        if self.predictions:
            self._keep_predictions()
        records = to_csv(self.log.records).decode()
        notes = {
            "provenance": self.prepared.provenance,
            "records": records,
            "seconds": self.watch.seconds,
        }
        if self.walk is not None:
            notes["walk"], done = self.walk.state(), self.walk.done
        checkpoint.write(self.folder.path / "state", Checkpoint(done, self.strategy.state(), notes))

    def _keep_predictions(self) -> None:
        columns = {
            f"{each.measured.stream}/{each.measured.experience}/{name}": getattr(each, name).astype(
                np.int32
            )
            for each in self.predictions
            for name in ("ids", "predicted", "true")
        }
        self.folder.write(
            f"predictions/{self.strategy.n_experiences:04d}.safetensors", save(columns)
        )
        self.predictions.clear()


def run(config: RunConfig, *, results: Path, device: str = "cpu", progress: bool = True) -> Result:
    """Run it, or go on where it was interrupted, or read it back if it is finished.

    Args:
        results: the folder whose `runs` holds the run folders.

    Raises:
        RunFailed: the run cannot go on; the reason is also in its status.json.
        Busy: another process works on it.
        Mistake, Missing, Damage: configuration, data, weights or an older result are not as they
            should be.
    """
    reset_peak()
    watch = Stopwatch()
    with watch.on("prepare"):
        prepared = prepare(config, device=device)
    folder = RunFolder(results / "runs" / config.id)
    if folder.finished:
        return _verified(folder, prepared)
    with locked(folder.path) as claim:
        if folder.finished:  # by another process, since we looked
            _close(folder)
            return _verified(folder, prepared)
        _clean(folder.path)
        return _recorded(
            prepared, RunFolder(folder.path, guard=claim.check), watch, progress=progress
        )


def _recorded(prepared: Prepared, folder: RunFolder, watch: Stopwatch, *, progress: bool) -> Result:
    """Execute it; if it fails, leave the reason in its folder."""
    try:
        return _execute(prepared, folder, watch, progress=progress)
    except RunFailed as error:
        folder.set_failed(prepared.config.coordinates, str(error))
        raise
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        failure = RunFailed(
            f"memory: {str(error).splitlines()[0][:160]}; a smaller train.batch_size needs less"
        )
        folder.set_failed(prepared.config.coordinates, str(failure))
        raise failure from None
    except KeyboardInterrupt:
        folder.set_status("interrupted")
        raise


def _execute(prepared: Prepared, folder: RunFolder, watch: Stopwatch, *, progress: bool) -> Result:
    """The loop: evaluate before training, then learn each experience and evaluate again."""
    config, benchmark = prepared.config, prepared.benchmark
    experiences = list(benchmark.scenario.train_stream)
    log = RecordLogger(config.coordinates)
    predictions: list[Predictions] = []
    title = f"{config.benchmark} {config.strategy} seed {config.seed}"
    with Progress(title, len(experiences), silent=not progress) as bars:
        measures = (Accuracy(keep=predictions.append), SelectorAccuracy())
        evaluator = EvaluationPlugin(*measures, loggers=[log, bars], collect_all=False)
        strategy = _strategy(config.strategy_config, prepared, benchmark.view, evaluator)
        folder.set_status(
            "running", pid=os.getpid()
        )  # from here on: a strategy that cannot be built writes nothing
        course = RunState(prepared, folder, watch, strategy, log, predictions)
        done = course.resume()
        if done is None:
            done = 0
            untouched = LearnerView(
                benchmark.view.plan, prepared.features, benchmark.view.visible_labels
            )
            with watch.on("evaluate"):
                _evaluate(_strategy(config.untouched, prepared, untouched, evaluator), benchmark)
            course.keep(done)
        bars.resumed(done)
        for number, experience in enumerate(experiences[done:], start=done + 1):
            with watch.on("train"):
                course.learn(experience, number)
            with watch.on("evaluate"):
                _evaluate(strategy, benchmark)
            _refuse_nan(prepared, log, strategy.n_experiences)
            _record_costs(strategy, log, config)
            course.keep(number)
            bars.experience_done(number)
        course.count_labels()
    return _finish(prepared, folder, log, watch)


def _evaluate(strategy: AdaptationStrategy, benchmark: Benchmark) -> None:
    """Test and held-out experiences whose classes are among the candidates by now; after the last,
    validation as well.
    """
    plan = benchmark.view.plan
    n_experiences = strategy.n_experiences
    last = n_experiences == len(plan.streams["test"])
    for name in ("valid", "test", "zeroshot") if last else ("test", "zeroshot"):
        scorable = [
            each
            for each in benchmark.scenario.streams[name]
            if plan.scorable(each.spec, n_experiences)
        ]
        if scorable:
            with benchmark.label_store.temporarily_visible(
                np.concatenate([each.spec.ids for each in scorable])
            ):
                strategy.eval(scorable)


def _strategy(
    config: StrategyConfig, prepared: Prepared, view: LearnerView, evaluator: EvaluationPlugin
) -> AdaptationStrategy:
    about, stream = prepared.config, prepared.config.benchmark_config
    settings: dict[str, Any] = {
        "evaluator": evaluator,
        "seed": about.seed,
        "device": prepared.device,
    }
    settings |= {"features": prepared.features, "teacher": prepared.teacher}
    if stream.online is not None and config is not about.untouched:
        settings |= {
            "kind": OnlineStrategy,
            "updates": stream.online.updates,
            "pending_size": config.train.pending_size,
        }
        settings["rewarding"] = stream.supervision.kind == "reward"
    return build_strategy(config, prepared.backbone, view, **settings)


def _refuse_nan(prepared: Prepared, log: RecordLogger, learned: int) -> None:
    """An accuracy is undefined where classes have no text; anywhere else it means that the model is
    broken.
    """
    if prepared.text_known and any(
        math.isnan(record.value) for record in log.records if record.trained == learned
    ):
        raise RunFailed(
            f"nan: scores are not numbers after experience {learned}; a smaller train.lr may help"
        )


def _record_costs(strategy: AdaptationStrategy, log: RecordLogger, config: RunConfig) -> None:
    """Trained parameters, kept bytes and samples, and the end of the run if these are more than the
    benchmark allows.
    """
    kept, budget = strategy.kept_bytes(), config.benchmark_config.memory_budget
    trained = sum(
        parameter.numel() for parameter in strategy.adapter.parameters() if parameter.requires_grad
    )
    costs = (
        ("trained_parameters", trained),
        ("kept_bytes", kept),
        ("memory_samples", strategy.kept_samples()),
    )
    for metric, value in costs:
        log.add(Measured(metric, strategy.n_experiences, "", -1, "", 1), float(value))
    if budget is not None and kept > budget:
        raise RunFailed(
            f"memory: {kept} bytes are kept after experience {strategy.n_experiences}, the "
            f"benchmark's memory_budget is "
            f"{budget}; keep less (memory_size, memory_bytes) or train fewer parameters"
        )


def _finish(prepared: Prepared, folder: RunFolder, log: RecordLogger, watch: Stopwatch) -> Result:
    folder.write(RECORDS, to_csv(log.records))
    shown = vqa_samples(
        prepared.benchmark.view.plan, prepared.parts, prepared.config.benchmark_config.questions
    )
    beside = []
    if shown is not None:
        folder.write(QUESTIONS, to_json(shown.questions))
        folder.write(PICTURES, save({"pictures": shown.pictures}))
        beside = [QUESTIONS, PICTURES]
    files = sorted(
        str(path.relative_to(folder.path))
        for path in (folder.path / "predictions").glob("*.safetensors")
    )
    seconds = {f"{what}_seconds": round(spent, 3) for what, spent in sorted(watch.seconds.items())}
    timing = {
        **seconds,
        "peak_memory_mib": round(peak_mib(), 1),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    folder.finish(provenance=prepared.provenance, results=[RECORDS, *beside, *files], timing=timing)
    _close(folder)
    return folder.result()


def _close(folder: RunFolder) -> None:
    """What comes after the result; a run that was killed behind its result is closed when it is
    read back.
    """
    _clean(folder.path)
    folder.set_status("done")
    shutil.rmtree(folder.path / "state", ignore_errors=True)


def _verified(folder: RunFolder, prepared: Prepared) -> Result:
    """A finished run, once its files are as written and its data and weights are those of now."""
    result = folder.result()
    prepared.config.refuse_other_kinds(result.provenance["config"], folder=folder.path)
    for what, now in prepared.stands_on.items():
        if result.provenance[what] != now:
            raise Mistake(
                f"{folder.path} is a finished run with other "
                f"{'weights' if what == 'backbone' else what}; "
                "choose another --results folder, or delete it to run anew"
            )
    if not folder.closed and not is_locked(folder.path):
        with suppress(Busy), locked(folder.path):
            _close(folder)
    return result


def _clean(path: Path) -> None:
    """Remove what a killed writer left half done."""
    for left in [*path.glob(".*.tmp"), *path.glob("*/.*.tmp")]:
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)

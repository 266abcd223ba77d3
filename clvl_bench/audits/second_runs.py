"""What an audit asks by running once more: with other hidden labels, unheard, with another seed."""

from collections.abc import Callable

import numpy as np

from clvl_bench.audits.heard import Heard
from clvl_bench.audits.listening import listen
from clvl_bench.audits.questions import Question, plan_of
from clvl_bench.audits.reach import differing
from clvl_bench.audits.result_files import result_files
from clvl_bench.core.errors import Mistake
from clvl_bench.runs.runner import run
from clvl_bench.runs.setup import Prepared


def leaned_on_labels_to_come(heard: Heard) -> list[str]:
    """Places within the strategy's reach, and states, that another run has otherwise although only
    labels that had not arrived are different there. The run was heard with `walk=1`.
    """
    assert heard.visible_labels is not None
    hidden = heard.visible_labels < 0
    wrong = []
    if heard.config.benchmark_config.online is not None:
        came = _came(heard)
        if heard.config.benchmark_config.supervision.kind == "reward":
            wrong = [] if hidden.all() else ["a reward revealed a label"]
            hidden = ~came  # what was rewarded is known in part
        else:
            wrong = [] if np.array_equal(~hidden, came) else ["other labels than those due arrived"]
    change = told_otherwise(heard, hidden)
    other = _as_far_as_the_walk(heard, "told otherwise", change)
    assert other.visible_labels is not None
    if not np.array_equal(other.visible_labels, heard.visible_labels):
        wrong.append("the labels that arrived are not the same")
    reached = heard.reached
    if differing(reached, other.reached):  # the first may have encoded what the second found kept
        reached = _as_far_as_the_walk(heard, "once more").reached
    wrong += differing(reached, other.reached)
    learned = heard.states[: len(other.states)]
    return wrong if other.states == learned else [*wrong, "what was learned differs"]


def _as_far_as_the_walk(
    heard: Heard, name: str, before: Callable[[Prepared], None] = lambda prepared: None
) -> Heard:
    """The same run once more, broken off where the walk was taken."""
    return listen(
        heard.config,
        heard.results / name,
        sources=heard.sources,
        walk=1,
        until=1,
        before=before,
        after_build=heard.after_build,
    )


def _came(heard: Heard) -> np.ndarray:
    """Which samples of the stream were due by the step at which the walk was taken [samples]."""
    truth = heard.prepared.benchmark.label_store
    stream = np.concatenate([step.ids for step in plan_of(heard).streams["train"]])
    came: np.ndarray = (truth.arrivals >= 0) & (truth.arrivals < heard.walked_after)
    came[np.setdiff1d(np.arange(len(truth)), stream)] = False
    return came


def told_otherwise(heard: Heard, hidden: np.ndarray) -> Callable[[Prepared], None]:
    """Gives every sample whose label is hidden [samples] another class of its own experience: what
    a second run starts from.
    """
    plan = plan_of(heard)
    specs = [step for steps in plan.streams.values() for step in steps]

    def change(prepared: Prepared) -> None:
        labels = prepared.benchmark.label_store._labels
        before = labels.copy()
        for step in specs:
            following = dict(zip(step.classes, (*step.classes[1:], step.classes[0]), strict=True))
            for sample in step.ids[hidden[step.ids]]:
                labels[sample] = following.get(int(before[sample]), before[sample])
        known = [place for step in specs for place in step.classes]
        told = hidden & np.isin(before, known)
        if not np.mean(labels[told] != before[told]) > 0.5:
            raise Mistake(
                "audit: fewer than half of the hidden labels have another class in their "
                "experience; choose a benchmark with two classes or more in each"
            )

    return change


def other_bytes_unheard(heard: Heard) -> list[str]:
    """Files of the result that differ when the same run is done again with nobody listening."""
    assert heard.result is not None
    again = run(
        heard.config, results=heard.results / "unheard", progress=False, sources=heard.sources
    )
    unheard = result_files(again.folder)
    listened = result_files(heard.result.folder)
    wrong = [
        name for name in sorted({*unheard, *listened}) if unheard.get(name) != listened.get(name)
    ]
    if not any(name.startswith("predictions/") for name in unheard):
        wrong.append("no prediction was written")
    return wrong


def deaf_to_the_seed(heard: Heard) -> list[str]:
    """An adapter that another seed leaves the same, or changes where there is nothing to learn.

    A closed form may be the same for every seed: the order of samples need not matter to it.
    """
    learns = heard.strategy.adapter.learns
    if learns == "closed_form":
        return []
    config = heard.config.model_copy(update={"seed": heard.config.seed + 1})
    other = listen(
        config,
        heard.results / "other seed",
        sources=heard.sources,
        until=0,
        after_build=heard.after_build,
    )
    mine, theirs = heard.states[0], other.states[0]
    same = all(theirs[name] == mine[name] for name in theirs if name.startswith("adapter/"))
    wrong = same != (learns == "nothing")
    return [f"it learns by {learns}, and is the same: {same}"] if wrong else []


SECOND_RUNS: tuple[Question, ...] = (
    leaned_on_labels_to_come,
    other_bytes_unheard,
    deaf_to_the_seed,
)

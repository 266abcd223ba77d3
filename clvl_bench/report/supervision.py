"""Supervision: the same benchmark under other supervision: what late or few labels and rewards
cost, and what is won back.

A variant of a benchmark is the same file with overrides, `name[supervision.delay=50]`; its runs are
paired by strategy, seed and class order. How late labels were and how many there were, the rows of
the runs say themselves.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from clvl_bench.metrics import online
from clvl_bench.metrics.continual import NAN, Matrix, last
from clvl_bench.report.matrices import of_records
from clvl_bench.report.order import by_values
from clvl_bench.report.overrides import parts_of
from clvl_bench.report.runs import Run, Table
from clvl_bench.report.streams import Line, lines, stream_numbers
from clvl_bench.report.summary import over_runs

NAIVE = "naive"
"""The strategy whose gap the others are measured by."""

UNTOUCHED = "zeroshot"

Repetition = tuple[str, str, str, int, int]
"""Base, label space, backbone, seed, class order: what a run and its partners have in common."""

Rank = tuple[bool, float, float]
"""Rewarding, delay, minus the share of labels: the lowest of several supervisions tells most."""


@dataclass(frozen=True)
class Variant:
    """A run under one supervision: which, and what the run reached.

    `base` is the benchmark without overrides, `accuracy` the prequential one, or `last` without a
    stream; `samples` is how many had a reward.
    """

    base: str
    benchmark: str
    label_space: str
    backbone: str
    strategy: str
    seed: int
    class_order: int
    rewarding: bool
    delay: float
    share: float
    accuracy: float
    samples: int
    reward: float
    last: float

    @property
    def repetition(self) -> Repetition:
        return self.base, self.label_space, self.backbone, self.seed, self.class_order

    @property
    def rank(self) -> Rank:
        return self.rewarding, self.delay, -self.share


@dataclass(frozen=True)
class AgainstPartners:
    """What a run's supervision cost it; NaN where the partner that this needs is missing.

    `gain` is the share of full information's gain over zero-shot.
    """

    delay_gap: float
    recovered: float
    regret: float
    gain: float


def supervision_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """One row a run whose supervision is on record: the fields of `Variant` and of
    `AgainstPartners`. Empty where there is a single benchmark: nothing is compared then.
    """
    variants = [_variant(run) for run in runs if _says_its_supervision(run)]
    if len({variant.benchmark for variant in variants}) < 2:
        return pd.DataFrame()
    repetitions: dict[Repetition, list[Variant]] = {}
    for variant in variants:
        repetitions.setdefault(variant.repetition, []).append(variant)
    rows = []
    for _, partners in sorted(repetitions.items()):
        rows += [asdict(each) | asdict(_against(each, partners)) for each in partners]
    order = ["base", "rewarding", "delay", "share", "strategy", "seed", "class_order"]
    return pd.DataFrame(rows).sort_values(order, key=by_values).reset_index(drop=True)


def _says_its_supervision(run: Run) -> bool:
    return any(record.metric == "labelled_share" for record in run.records)


def _variant(run: Run) -> Variant:
    origin = run.origin
    numbers = stream_numbers(run.records)
    over_time = lines(run.records)
    at_the_end = last(of_records(run.records))
    facts = {}
    for record in run.records:
        if record.stream == "train" and record.experience < 0:
            facts[record.metric] = record.value
    return Variant(
        base=origin.benchmark.partition("[")[0],
        benchmark=origin.benchmark,
        label_space=origin.label_space,
        backbone=origin.backbone,
        strategy=origin.strategy,
        seed=origin.seed,
        class_order=origin.class_order,
        rewarding="reward" in numbers,
        delay=facts["mean_delay"],
        share=facts["labelled_share"],
        accuracy=numbers.get("prequential", at_the_end),
        samples=int(over_time["reward"].sizes.sum()) if "reward" in over_time else 0,
        reward=numbers.get("reward", NAN),
        last=at_the_end,
    )


def _against(variant: Variant, partners: Sequence[Variant]) -> AgainstPartners:
    """A variant against the others of its repetition. The best supervised variant of its strategy
    is its full-information twin.
    """
    best = min(partner.rank for partner in partners)
    reached = {(partner.strategy, partner.rank): partner.accuracy for partner in partners}
    full = reached.get((variant.strategy, best), NAN)
    naive, untouched = (
        _partner(name, variant.strategy, {partner.strategy for partner in partners})
        for name in (NAIVE, UNTOUCHED)
    )
    naive_late = reached.get((naive, variant.rank), NAN)
    naive_at_once = reached.get((naive, best), NAN)
    recovered = online.recovered(variant.accuracy, naive_late, naive_at_once)
    start = reached.get((untouched, variant.rank), reached.get((untouched, best), NAN))
    return AgainstPartners(
        delay_gap=online.delay_gap(full, variant.accuracy),
        recovered=NAN if variant.rank == best else recovered,
        regret=(full - variant.reward) * variant.samples if variant.rewarding else NAN,
        gain=online.recovered(variant.accuracy, start, full),
    )


def _partner(name: str, strategy: str, there: Collection[str]) -> str:
    """The strategy of that name with the same overrides; where there is none, the only one of that
    name, since settings may have been chosen for each strategy by itself.
    """
    same = name + "".join(strategy.partition("[")[1:])
    alike = [each for each in there if parts_of(each)[0] == name]
    return alike[0] if same not in there and len(alike) == 1 else same


def over_repetitions(frame: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds and class orders, one row a variant and strategy."""
    keys = [
        "base",
        "label_space",
        "backbone",
        "benchmark",
        "rewarding",
        "delay",
        "share",
        "strategy",
    ]
    numbers = ["accuracy", "last", "delay_gap", "recovered", "regret", "gain"]
    rows = []
    for values, part in frame.groupby(keys):
        means = {name: over_runs(part[name].tolist()).mean for name in numbers}
        where = dict(zip(keys, values, strict=True))
        rows.append({**where, **means, "n": len(part)})
    return pd.DataFrame(rows).sort_values(keys, key=by_values, ignore_index=True)


@dataclass(frozen=True)
class _Streamed:
    """A run with its lines over time."""

    table: Table
    variant: Variant
    over_time: Mapping[str, Line]

    @property
    def pair(self) -> tuple[Repetition, str]:
        """What a run and its twin have in common."""
        return self.variant.repetition, self.variant.strategy


def regret_over_time(runs: Sequence[Run]) -> dict[Table, dict[str, list[Matrix]]]:
    """Of each table with rewards and each strategy: for every run the rights of its
    full-information twin minus its own rewards, summed up to the end of each window [windows]. Runs
    without a twin are left out.
    """
    streamed = []
    for run in runs:
        over_time = lines(run.records)
        if "prequential" in over_time:
            streamed.append(_Streamed(run.origin.table, _variant(run), over_time))
    twins = _twins(streamed)
    found: dict[Table, dict[str, list[Matrix]]] = {}
    for each in streamed:
        twin = twins.get(each.pair)
        if each.variant.rewarding and twin is not None:
            mine = each.over_time["reward"]
            lost = online.regret(mine.values, twin.over_time["prequential"].values, mine.sizes)
            of_table = found.setdefault(each.table, {})
            of_table.setdefault(each.variant.strategy, []).append(lost)
    return found


def _twins(streamed: Iterable[_Streamed]) -> dict[tuple[Repetition, str], _Streamed]:
    """The best supervised run of each pair."""
    found: dict[tuple[Repetition, str], _Streamed] = {}
    for run in streamed:
        if run.variant.rewarding:
            continue
        known = found.get(run.pair)
        if known is None or run.variant.rank < known.variant.rank:
            found[run.pair] = run
    return found

"""What the audited runs cover: kinds of method by label space, supervision and backbone family.

Run as a script (with `tests` on the path) it prints the table; test_coverage.py holds it.
"""

from collections import defaultdict
from collections.abc import Iterable

from contract.audited import Audited, family_runs, kinds_of, online_runs, whole_runs

from clvl_bench.methods.registry import adapters

Covered = dict[str, dict[str, set[str]]]
"""What of a run -> kind of method -> the values that it was audited with."""

ASPECTS = ("label_space", "supervision", "family", "input_kind")


def audited_runs() -> list[Audited]:
    """All of them."""
    return [*whole_runs(), *family_runs(), *online_runs()]


def values_of(run: Audited) -> dict[str, str]:
    """What a run says of each aspect. A run on another family has one experience: there the label
    space decides nothing.
    """
    kind = adapters()[kinds_of(run.strategy)[0]].input_kind
    values = {"input_kind": kind, "family": run.family}
    if run.family == "tiny":
        values |= {"label_space": run.label_space, "supervision": run.supervision}
    return values


def covered(runs: Iterable[Audited]) -> Covered:
    """Which values of each aspect every kind has met."""
    found: Covered = {aspect: defaultdict(set) for aspect in ASPECTS}
    for run in runs:
        for aspect, value in values_of(run).items():
            for kind in kinds_of(run.strategy):
                found[aspect][kind].add(value)
    return found


def main() -> None:
    runs = audited_runs()
    found = covered(runs)
    strategies = {run.strategy for run in runs}
    print(f"{len(runs)} audited runs of {len(strategies)} strategies")
    print(f"{'kind':22}" + "".join(f"{aspect:>13}" for aspect in ASPECTS))
    for kind in sorted(found["input_kind"]):
        counts = [len(found[aspect][kind]) for aspect in ASPECTS]
        print(f"{kind:22}" + "".join(f"{count:>13}" for count in counts))
    pairs = [sum(map(len, found[aspect].values())) for aspect in ASPECTS]
    print(f"{'pairs':22}" + "".join(f"{count:>13}" for count in pairs))


if __name__ == "__main__":
    main()

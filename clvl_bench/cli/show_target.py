"""Show targets: what each is and takes, what is missing, and how ours stand beside the published
figures.
"""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from clvl_bench.cli.estimate import estimate
from clvl_bench.core.errors import printable
from clvl_bench.records.run_folder import RESULT
from clvl_bench.report.runs import find_runs
from clvl_bench.reproduce.comparison import Comparison, Pair, Verdict, compare
from clvl_bench.reproduce.plan import Need, needs_of, runs_for
from clvl_bench.reproduce.row import row, write_row
from clvl_bench.reproduce.target import Figure, Target, figures_of, load
from clvl_bench.runs.config import RunConfig
from clvl_bench.runs.toml_files import target_names

NAMED = 10
"""How many pairs that are missing or too far away are named."""
WIDTH = 80


def show_targets() -> None:
    """A block for each target."""
    for name in target_names():
        target = load(name)
        runs = runs_for(target, figures_of(target))
        show_target(name, target, runs)
        print()


def show_target(name: str, target: Target, runs: Sequence[RunConfig]) -> None:
    """Paper, figure, tolerance and why, data, weights, cost."""
    needs = needs_of(runs)
    print(printable(name))
    _say("Paper", target.paper)
    _say("Figure", f"{target.figure}; {target.count} numbers")
    _say("Source", target.source)
    _say("Tolerance", _tolerance(target))
    for need in needs:
        _say("Here" if need.here else "Missing", _of(need))
    if target.data:
        _say("Data", target.data)
    _say("Time", f"{target.cost.time} ({target.cost.machine})")
    _say("Memory", target.cost.memory)


def _tolerance(target: Target) -> str:
    told = target.tolerance
    return (
        f"{told.points:g} points for at least {told.at_least} of {target.count}, none further than "
        f"{told.furthest:g}: {told.why}"
    )


def _of(need: Need) -> str:
    return need.what if need.here else f"{need.what}; {need.how}"


def show_plan(name: str, target: Target, runs: Sequence[RunConfig], results: Path) -> None:
    """What a target takes, and whether it could be compared here."""
    show_target(name, target, runs)
    waiting = [config for config in runs if not (_folder(config, results) / RESULT).is_file()]
    print(f"{len(runs)} runs, {len(waiting)} to do; nothing was written")
    for line in estimate(waiting, results) if waiting else ():
        print(f"  {line}")
    lacking = [need for need in needs_of(runs) if not need.here]
    if lacking:
        print(f"{Verdict.INCOMPLETE}: {len(lacking)} of what it reads is not on this machine")


def show_missing(needs: Sequence[Need]) -> None:
    """What is not on this machine, and how one gets it."""
    print(f"{Verdict.INCOMPLETE}: nothing was run, since this is missing:")
    for need in needs:
        _say("Missing", _of(need))


def compared(
    target: Target, figures: Sequence[Figure], runs: Sequence[RunConfig], results: Path
) -> Comparison:
    """What is finished of the runs beside the figures."""
    folders = [_folder(config, results) for config in runs]
    finished = [folder for folder in folders if (folder / RESULT).is_file()]
    found = find_runs(finished).runs if finished else []
    return compare(target, figures, runs, found)


def show_comparison(
    name: str, target: Target, comparison: Comparison, *, write: Path | None
) -> None:
    """The verdict with what speaks against it, and a row for the table of reproductions."""
    for line in comparison.other_inputs:
        _say("Other", line)
    for pair in _worst(comparison):
        _say("Missing" if pair.is_missing else "Too far", _pair(pair))
    print(printable(_headline(name, comparison)))
    if comparison.verdict is Verdict.INCOMPLETE:
        return
    line = row(name, target, comparison)
    if write is None:
        print(printable(line))
    else:
        write_row(write, name, line)
        print(f"Row: {write}")


def _worst(comparison: Comparison) -> Sequence[Pair]:
    """Some of the pairs that are missing, else some of those that are too far away."""
    points = comparison.tolerance.points
    far = [pair for pair in comparison.pairs if not pair.is_within(points)]
    return (comparison.missing or far)[:NAMED]


def _pair(pair: Pair) -> str:
    figure = pair.figure
    where = f"{figure.benchmark} {figure.strategy} {figure.backbone} {figure.metric}"
    if pair.is_missing:
        return f"{where}: published {figure.value:g}"
    return f"{where}: published {figure.value:g}, ours {pair.ours:.4f} ({pair.difference:+.4f})"


def _headline(name: str, comparison: Comparison) -> str:
    count = len(comparison.pairs)
    if comparison.verdict is Verdict.INCOMPLETE:
        return f"{name}: incomplete, {len(comparison.missing)} of {count} figures have no run"
    points = comparison.tolerance.points
    near = f"{len(comparison.within)} of {count} figures within {points:g} points"
    asked = f"asked for are {comparison.tolerance.at_least}"
    furthest = f"furthest {comparison.furthest.difference:+.4f} points"
    other = ", from other inputs" if comparison.other_inputs else ""
    return f"{name}: {comparison.verdict}{other}: {near}, {asked}; {furthest}"


def _say(what: str, text: str) -> None:
    head = f"  {what:<10}"
    margin = " " * len(head)
    wrapped = textwrap.fill(
        printable(text),
        WIDTH,
        initial_indent=head,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    )
    print(wrapped)


def _folder(config: RunConfig, results: Path) -> Path:
    return results / "runs" / config.id

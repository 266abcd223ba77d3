"""The verb `reproduce`: a published figure beside ours, in one command."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clvl_bench.cli import completing, options
from clvl_bench.cli.preparing import refuse_unwritable, say_first, silence_libraries
from clvl_bench.core import stopping
from clvl_bench.core.errors import Mistake, Stopped
from clvl_bench.core.exit_codes import ExitCode

if TYPE_CHECKING:
    from clvl_bench.runs.config import RunConfig


def reproduce(
    target: Annotated[
        str,
        typer.Argument(
            help="Name or path of a target (see --list).", autocompletion=completing.targets
        ),
    ] = "",
    list_: Annotated[
        bool, typer.Option("--list", help="Show all targets, and what each of them takes.")
    ] = False,
    weights: Annotated[
        list[Path],
        typer.Option(
            help="Folder of imported weights, called as a backbone of which no commit is pinned.",
        ),
    ] = [],  # noqa: B006 (typer's form)
    jobs: Annotated[
        int | None, typer.Option(help="Runs at a time; one a core if left out.", min=1)
    ] = None,
    device: options.Device = "auto",
    time_limit: options.TimeLimit = None,
    results: options.Results = options.RESULTS,
    dry_run: options.DryRun = False,
    write: Annotated[
        Path | None,
        typer.Option(help="Put the row into this file, as results/REPRODUCTION.md."),
    ] = None,
) -> None:
    """Run what a published figure takes, and say whether ours is that: reproduced (0), not
    reproduced (1), or incomplete (3: data or weights are missing; 1: a run is).
    """
    if list_:
        from clvl_bench.cli.show_target import show_targets

        show_targets()
        return
    if not target:
        raise Mistake("reproduce: is without a target; clvl-bench reproduce --list shows them")
    say_first(f"Reproduce {target}: loading libraries", dry=dry_run)
    from clvl_bench.cli import show_target as show
    from clvl_bench.reproduce.plan import needs_of, runs_for
    from clvl_bench.reproduce.target import figures_of, load

    declared = load(target)
    figures = figures_of(declared)
    runs = runs_for(declared, figures, weights)
    missing = [need for need in needs_of(runs) if not need.here]
    if dry_run:
        show.show_plan(target, declared, runs, results)
        return
    if missing:
        show.show_missing(missing)
        raise typer.Exit(ExitCode.MISSING)
    _run(runs, results, jobs=jobs, device=device, time_limit=time_limit)
    comparison = show.compared(declared, figures, runs, results)
    show.show_comparison(Path(target).stem, declared, comparison, write=write)
    if comparison.verdict != "reproduced":
        raise typer.Exit(ExitCode.FAILED)


def _run(
    runs: "list[RunConfig]",
    results: Path,
    *,
    jobs: int | None,
    device: str,
    time_limit: float | None,
) -> None:
    """What is missing of them, as `grid` does.

    Raises:
        Stopped: the process was asked to stop before all were done.
    """
    refuse_unwritable(results)
    silence_libraries(1)
    with stopping.listening(time_limit=time_limit, at_once=False):
        from clvl_bench.cli.grid_progress import GridProgress
        from clvl_bench.cli.show import show_outcomes
        from clvl_bench.runs.devices import refuse_missing_device
        from clvl_bench.runs.grid import default_jobs, grid, missing

        waiting = missing(runs, results)
        print(f"{len(runs)} runs, {len(runs) - len(waiting)} finished before, {len(waiting)} to do")
        refuse_missing_device(device, runs[0].precision)
        _check_finished([config for config in runs if config not in waiting], results, device)
        with GridProgress(len(waiting)) as bar:
            outcomes = grid(
                waiting,
                results=results,
                jobs=jobs or default_jobs(),
                device=device,
                listener=bar.told,
            )
            show_outcomes(outcomes, bar, len(waiting))
        stopped = stopping.asked()
        if stopped and missing(runs, results):
            raise Stopped(stopped)


def _check_finished(finished: "list[RunConfig]", results: Path, device: str) -> None:
    """Runs of before stand on data and weights that may have changed since: one of each benchmark
    and backbone is held against what is here now.

    Raises:
        Mistake, Missing, Damage: it is something else.
    """
    if not finished:
        return
    from clvl_bench.runs.devices import choose_device
    from clvl_bench.runs.runner import run

    first: dict[tuple[str, str], RunConfig] = {}
    for config in finished:
        first.setdefault((config.benchmark, config.backbone), config)
    for config in first.values():
        run(config, results=results, device=choose_device(device), progress=False)

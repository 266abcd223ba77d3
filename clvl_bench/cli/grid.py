"""The verb `grid`: what is missing of an experiment."""

from pathlib import Path
from typing import Annotated

import typer

from clvl_bench.cli import options
from clvl_bench.cli.preparing import (
    load_experiment,
    refuse_unwritable,
    say_first,
    say_what_is_laid_over,
    silence_libraries,
)
from clvl_bench.core import stopping
from clvl_bench.core.errors import Stopped
from clvl_bench.core.exit_codes import ExitCode


def grid(
    experiment: Annotated[str, typer.Argument(help="Name or path of an experiment's TOML file.")],
    jobs: Annotated[
        int | None, typer.Option(help="Runs at a time; one a core if left out.", min=1)
    ] = None,
    device: options.Device = "auto",
    limit: options.Limit = None,
    methods: options.Methods = [],  # noqa: B006 (typer's form)
    time_limit: options.TimeLimit = None,
    verify: options.Verify = False,
    member: options.Member = "",
    results: options.Results = options.RESULTS,
    dry_run: options.DryRun = False,
    page: options.Page = True,
    pictures: options.Pictures = False,
) -> None:
    """Run what is missing of a grid. An experiment crosses benchmarks, strategies, backbones, seeds
    and class orders.
    """
    place = options.member_of(member)
    config = load_experiment(experiment)
    say_first(f"Grid {experiment}: loading libraries", dry=dry_run)
    from clvl_bench.cli.show import show_finished, show_outcomes, show_page_of_grid, show_plan
    from clvl_bench.runs.files import runs_of

    runs = runs_of(config, limit=limit)
    if dry_run:
        show_plan(runs, results)
        return
    refuse_unwritable(results)
    silence_libraries(1)
    say_what_is_laid_over([run.benchmark_config for run in runs])
    # The grid itself only notes that time is over; its workers stop.
    with stopping.listening(time_limit=time_limit, at_once=False):
        from clvl_bench.cli.grid_progress import GridProgress
        from clvl_bench.runs.devices import choose_device
        from clvl_bench.runs.grid import default_jobs, missing
        from clvl_bench.runs.grid import grid as run_grid

        waiting = missing(runs, results)
        print(f"{len(runs)} runs, {len(runs) - len(waiting)} finished before, {len(waiting)} to do")
        if verify and waiting:
            from clvl_bench.runs.data_check import read_again

            read_again(run.benchmark_config for run in waiting)
        with GridProgress(len(waiting)) as bar:
            outcomes = run_grid(
                waiting,
                results=results,
                jobs=jobs or default_jobs(),
                device=choose_device(device, config.precision),
                member=place,
                listener=bar.told,
            )
            states = show_outcomes(outcomes, bar, len(waiting))
        show_finished(runs, results, sweep=bool(config.sweep))
        stopped = stopping.asked()
        if stopped and missing(runs, results):
            raise Stopped(stopped)
        # A sweep is for choosing settings: nothing of the test stream is shown of it.
        if page and not config.sweep:
            show_page_of_grid(runs, results, name=Path(experiment).stem, pictures=pictures)
    if "failed" in states:
        raise typer.Exit(ExitCode.FAILED)

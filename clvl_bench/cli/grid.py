"""The verb `grid`: what is missing of an experiment."""

from pathlib import Path
from typing import Annotated

import typer

from clvl_bench.cli import options
from clvl_bench.cli.preparing import (
    load_experiment,
    refuse_unwritable,
    silence_libraries,
)


def grid(
    experiment: Annotated[str, typer.Argument(help="Name or path of an experiment's TOML file.")],
    jobs: Annotated[
        int | None, typer.Option(help="Runs at a time; one a core if left out.", min=1)
    ] = None,
    device: options.Device = "auto",
    limit: options.Limit = None,
    methods: options.Methods = [],  # noqa: B006 (typer's form)
    results: options.Results = options.RESULTS,
    dry_run: options.DryRun = False,
    page: options.Page = True,
    pictures: options.Pictures = False,
) -> None:
    """Run what is missing of a grid. An experiment crosses benchmarks, strategies, backbones, seeds
    and class orders.
    """
    from clvl_bench.cli.show import show_grid, show_page_of_grid, show_plan
    from clvl_bench.runs.files import runs_of

    config = load_experiment(experiment)
    runs = runs_of(config, limit=limit)
    if dry_run:
        show_plan(runs, results)
        return
    refuse_unwritable(results)
    silence_libraries(1)
    from clvl_bench.runs.devices import choose_device
    from clvl_bench.runs.grid import default_jobs
    from clvl_bench.runs.grid import grid as run_grid

    chosen = choose_device(device, config.precision)
    outcomes = run_grid(runs, results=results, jobs=jobs or default_jobs(), device=chosen)
    failed = show_grid(runs, outcomes, results, sweep=bool(config.sweep))
    # A sweep is for choosing settings: nothing of the test stream is shown of it.
    if page and not config.sweep:
        show_page_of_grid(runs, results, name=Path(experiment).stem, pictures=pictures)
    if failed:
        raise typer.Exit(1)

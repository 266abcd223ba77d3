"""The verb `grid`: what is missing of an experiment."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clvl_bench.cli import cluster_options, completing, options
from clvl_bench.cli.preparing import (
    load_experiment,
    refuse_unknown_backbones,
    refuse_unwritable,
    say_first,
    say_what_has_no_order,
    say_what_is_laid_over,
    silence_libraries,
)
from clvl_bench.core import stopping
from clvl_bench.core.errors import Stopped
from clvl_bench.core.exit_codes import ExitCode

if TYPE_CHECKING:
    from clvl_bench.runs.config import RunConfig
    from clvl_bench.runs.engines.slurm_script import Resources
    from clvl_bench.runs.experiment import ExperimentConfig
    from clvl_bench.runs.grid import Pool


def grid(
    experiment: Annotated[
        str,
        typer.Argument(
            help="Name or path of an experiment's TOML file.", autocompletion=completing.experiments
        ),
    ],
    jobs: Annotated[
        int | None,
        typer.Option(help="Runs at a time; one a core if left out, and one a lane.", min=1),
    ] = None,
    device: options.Device = "auto",
    limit: options.Limit = None,
    methods: options.Methods = [],  # noqa: B006 (typer's form)
    log_to: options.LogTo = [],  # noqa: B006 (typer's form)
    time_limit: options.TimeLimit = None,
    verify: options.Verify = False,
    member: options.Member = "",
    on: cluster_options.On = "local",
    lanes: cluster_options.Lanes = None,
    partition: cluster_options.Partition = None,
    time: cluster_options.Time = None,
    gpus: cluster_options.Gpus = None,
    memory: cluster_options.Memory = None,
    account: cluster_options.Account = None,
    sbatch: cluster_options.Sbatch = [],  # noqa: B006 (typer's form)
    address: cluster_options.Address = None,
    status: cluster_options.Status = False,
    wait: cluster_options.Wait = True,
    encode: cluster_options.Encode = False,
    results: options.Results = options.RESULTS,
    dry_run: options.DryRun = False,
    page: options.Page = True,
    pictures: options.Pictures = False,
) -> None:
    """Run what is missing of a grid, here or on a cluster. An experiment crosses benchmarks,
    strategies, backbones, seeds and class orders.
    """
    cluster = cluster_options.Cluster(
        lanes, partition, time, gpus, memory, account, tuple(sbatch), address
    )
    here = {"--member": member, "--time-limit": time_limit, "--encode": encode, "--verify": verify}
    given = {**here, **cluster.given, "--no-wait": not wait}
    cluster_options.refuse_for_another(on, given)
    resources = cluster.resources(jobs or 1) if on == "slurm" else None
    gpus_of_a_run = cluster.gpus_of_a_run(device) if on == "ray" else 0.0
    place = options.member_of(member)
    config = load_experiment(experiment)
    say_first(f"Grid {experiment}: loading libraries", dry=dry_run or status)
    from clvl_bench.runs.files import runs_of

    runs = runs_of(config, limit=limit)
    refuse_unknown_backbones(runs)
    asked = Asked(experiment, config, runs, results, device, verify, log_to, page, pictures)
    if resources is not None:
        from clvl_bench.cli.grid_on_slurm import passed_on

        command = passed_on(experiment, resources.jobs, device, limit, methods, log_to, results)
        _on_slurm(asked, resources, lanes or 1, command, status=status, wait=wait, dry_run=dry_run)
    elif status:
        from clvl_bench.cli.lanes_table import show_standings

        show_standings(runs, results)
    elif dry_run:
        from clvl_bench.cli.show import show_plan

        show_plan(runs, results)
    elif encode:
        _encode(asked, time_limit)
    elif on == "ray":
        _on_ray(asked, jobs, gpus_of_a_run, address)
    else:
        _here(asked, jobs, place, time_limit)


@dataclass(frozen=True)
class Asked:
    """What is asked of a grid, wherever it is worked on."""

    experiment: str
    config: "ExperimentConfig"
    runs: "Sequence[RunConfig]"
    results: Path
    device: str
    verify: bool
    log_to: "Sequence[str]"
    page: bool
    pictures: bool


def _here(
    asked: Asked,
    jobs: int | None,
    place: tuple[int, int],
    time_limit: float | None,
    workers: "Pool | None" = None,
) -> None:
    """Run it from this machine, by its own processes or by others' workers."""
    runs, results = asked.runs, asked.results
    refuse_unwritable(results)
    silence_libraries(1)
    say_what_is_laid_over([run.benchmark_config for run in runs])
    say_what_has_no_order(asked.config, runs)
    # The grid itself only notes that time is over; its workers stop.
    with stopping.listening(time_limit=time_limit, at_once=False):
        from clvl_bench.runs.devices import refuse_missing_device
        from clvl_bench.runs.grid import ALONE, default_jobs, missing
        from clvl_bench.runs.grid import grid as run_grid

        waiting = missing(runs, results)
        if workers is None:
            refuse_missing_device(asked.device, asked.config.precision)
            if waiting:
                _begin(waiting)
        # Behind the start of the workers: tables take a second to import.
        from clvl_bench.cli.grid_progress import GridProgress
        from clvl_bench.cli.restarts import refuse_endless
        from clvl_bench.cli.show import show_outcomes

        print(f"{len(runs)} runs, {len(runs) - len(waiting)} finished before, {len(waiting)} to do")
        if asked.verify and waiting:
            from clvl_bench.runs.data_check import read_again

            read_again(run.benchmark_config for run in waiting)
        with GridProgress(len(waiting)) as bar:
            outcomes = run_grid(
                waiting,
                results=results,
                jobs=jobs or default_jobs(),
                device=asked.device,
                member=place,
                listener=bar.told,
                log_to=asked.log_to,
                workers=workers,
            )
            ended = show_outcomes(outcomes, bar, len(waiting))
        # One of several members has not done the whole: who looks at it shows it.
        if place[1] == ALONE[1]:
            _show_finished(asked)
        stopped = stopping.asked()
        if stopped and missing(runs, results):
            progressed = any(outcome.progressed for outcome in ended)
            refuse_endless(stopped, progressed=progressed)
            raise Stopped(stopped)
    if any(outcome.state == "failed" for outcome in ended):
        raise typer.Exit(ExitCode.FAILED)


def _begin(waiting: "Sequence[RunConfig]") -> None:
    """What workers stand on is imported by one process, and painted by this one meanwhile."""
    from clvl_bench.runs.preparation import paint
    from clvl_bench.runs.workers import import_ahead

    import_ahead()
    paint(waiting)


def _on_ray(asked: Asked, jobs: int | None, gpus: float, address: str | None) -> None:
    """Let workers of Ray run it."""
    from clvl_bench.cli.grid_on_ray import workers_on_ray
    from clvl_bench.runs.engines.ray_cluster import refuse_without_ray
    from clvl_bench.runs.grid import ALONE

    refuse_without_ray()
    refuse_unwritable(asked.results)
    silence_libraries(1)
    # Before signals are listened to: Ray takes SIGTERM when it starts.
    with workers_on_ray(asked.results, jobs, asked.log_to, gpus=gpus, address=address) as workers:
        _here(asked, jobs, ALONE, None, workers)


def _show_finished(asked: Asked) -> None:
    from clvl_bench.cli.show import show_finished, show_page_of_grid

    sweep = bool(asked.config.sweep)
    show_finished(asked.runs, asked.results, sweep=sweep)
    # A sweep is for choosing settings: nothing of the test stream is shown of it.
    if asked.page and not sweep and not stopping.asked():
        name = Path(asked.experiment).stem
        show_page_of_grid(asked.runs, asked.results, name=name, pictures=asked.pictures)


def _encode(asked: Asked, time_limit: float | None) -> None:
    """Read and encode what the runs will read."""
    silence_libraries(1)
    with stopping.listening(time_limit=time_limit):
        from clvl_bench.runs.libraries import import_libraries

        import_libraries()
        from clvl_bench.cli.encoding import encode_for
        from clvl_bench.cli.restarts import refuse_endless
        from clvl_bench.runs.devices import choose_device

        device = choose_device(asked.device, asked.config.precision)
        try:
            failed = encode_for(asked.runs, asked.results, device=device)
        except Stopped as stopped:
            refuse_endless(str(stopped), progressed=stopping.progressed())
            raise
    if failed:
        raise typer.Exit(ExitCode.FAILED)


def _on_slurm(
    asked: Asked,
    resources: "Resources",
    lanes: int,
    command: Sequence[str],
    *,
    status: bool,
    wait: bool,
    dry_run: bool,
) -> None:
    """Let lanes of a cluster run it; look on, or leave them alone."""
    from clvl_bench.cli import grid_on_slurm
    from clvl_bench.cli.show import show_plan
    from clvl_bench.runs.engines.slurm import refuse_without_slurm

    runs, results = asked.runs, asked.results
    if not dry_run:
        refuse_without_slurm()
    planned = grid_on_slurm.plan_on_slurm(runs, results, experiment=asked.experiment, lanes=lanes)
    if dry_run:
        show_plan(runs, results)
        grid_on_slurm.show_scripts(planned, command, resources)
        return
    if not status:
        refuse_unwritable(results)
        say_what_is_laid_over([run.benchmark_config for run in runs])
        say_what_has_no_order(asked.config, runs)
        grid_on_slurm.submit_lanes(planned, command, resources)
    with stopping.listening():
        look = grid_on_slurm.look_on if wait and not status else grid_on_slurm.look
        view = look(planned, runs, results)
        grid_on_slurm.show(view)
        if not status and not view.under_way:
            _show_finished(asked)
    if not status and not view.under_way:
        raise typer.Exit(grid_on_slurm.exit_code(view))

"""The verb `run`: one strategy on one benchmark."""

from pathlib import Path
from typing import Annotated

import typer

from clvl_bench.cli import completing, options
from clvl_bench.cli.preparing import (
    refuse_unknown_backbones,
    refuse_unwritable,
    say_first,
    say_what_is_laid_over,
    silence_libraries,
)
from clvl_bench.core import stopping, world


def run(
    benchmark: Annotated[
        str,
        typer.Argument(
            help="Name or path of a benchmark's TOML file.", autocompletion=completing.benchmarks
        ),
    ],
    strategy: Annotated[
        str,
        typer.Argument(
            help="Name or path of a strategy's TOML file.", autocompletion=completing.strategies
        ),
    ],
    backbone: options.Backbone = "tiny",
    seed: Annotated[int, typer.Option(help="Of everything random in the run.", min=0)] = 0,
    device: options.Device = "auto",
    set_: options.Overrides = [],  # noqa: B006 (typer's form)
    limit: options.Limit = None,
    threads: Annotated[
        int, typer.Option(help="Threads of the run; they change the last bits.", min=1)
    ] = 1,
    precision: Annotated[
        str,
        typer.Option(
            help="Of frozen towers: fp32, bf16 or fp16; what trains is fp32.",
            autocompletion=completing.precisions,
        ),
    ] = "fp32",
    methods: options.Methods = [],  # noqa: B006 (typer's form)
    log_to: options.LogTo = [],  # noqa: B006 (typer's form)
    time_limit: options.TimeLimit = None,
    verify: options.Verify = False,
    results: options.Results = options.RESULTS,
    dry_run: options.DryRun = False,
    page: options.Page = True,
    pictures: options.Pictures = False,
) -> None:
    """Run one strategy on one benchmark. Its row stands beside those of the committed results."""
    from clvl_bench.runs.files import run_config

    config = run_config(
        benchmark,
        strategy,
        backbone=backbone,
        seed=seed,
        threads=threads,
        precision=precision,
        limit=limit,
        overrides=set_,
    )
    refuse_unknown_backbones([config])
    if dry_run:
        from clvl_bench.cli.show import show_plan

        show_plan([config], results)
        return
    world.decided(lambda: refuse_unwritable(results))
    _refuse_damage(results / "runs" / config.id)
    say_first(f"Run of {config.strategy} on {config.benchmark}, seed {seed}: loading libraries")
    say_what_is_laid_over([config.benchmark_config])
    silence_libraries(threads)
    # Signals count from here on: importing takes seconds.
    with stopping.listening(time_limit=time_limit):
        from clvl_bench.runs.libraries import import_libraries

        import_libraries()
        from clvl_bench.cli.show import show_result
        from clvl_bench.data.readers.scan import reading_anew
        from clvl_bench.runs import runner
        from clvl_bench.runs.devices import choose_device, take_own_gpu

        chosen = choose_device(device, config.precision)
        take_own_gpu(chosen)
        with reading_anew(verify):
            result = runner.run(config, results=results, device=chosen, log_to=log_to)
        show_result(result, results, page=page, pictures=pictures)


def _refuse_damage(path: Path) -> None:
    """A finished run whose files are not as written is said at once."""
    from clvl_bench.records.run_folder import RunFolder

    folder = RunFolder(path)
    if folder.finished:
        folder.result()

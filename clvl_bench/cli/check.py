"""The verb `check`: whether files are valid."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clvl_bench.cli import options
from clvl_bench.core.errors import Mistake

if TYPE_CHECKING:
    from clvl_bench.core.schema import Schema


def check(
    files: Annotated[list[Path], typer.Argument(help="TOML files.")],
    whole: Annotated[
        bool,
        typer.Option(
            "--resolved", help="Print one file whole: with what it extends, defaults included."
        ),
    ] = False,
    data: Annotated[
        bool,
        typer.Option(
            "--data", help="Read the data of benchmarks as well, as a run would before it begins."
        ),
    ] = False,
    verify: options.Verify = False,
    methods: options.Methods = [],  # noqa: B006 (typer's form)
) -> None:
    """Validate files without running anything."""
    if verify and not data:
        raise Mistake("--verify: is about the data; add --data")
    from clvl_bench.runs import files as configuration

    if whole and len(files) > 1:
        raise Mistake(f"--resolved: got {len(files)} files; give one, so that it can be saved")
    for file in files:
        if not file.is_file():
            raise Mistake(f"{file}: no such file")
        if whole:
            print(configuration.resolved(file))
            continue
        sort, config = configuration.check(file)
        print(f"{file}: a valid {sort}")
        if data:
            _check_data(sort, config, verify=verify)


def _check_data(sort: str, config: "Schema", *, verify: bool) -> None:
    """Read what a file names; a strategy names no data."""
    from clvl_bench.runs import files as configuration

    names = getattr(config, "benchmarks", ()) if sort == "experiment" else ()
    benchmarks = [configuration.load("benchmark", name) for name in names]
    if sort == "benchmark":
        benchmarks = [config]
    elif not benchmarks:
        return
    from clvl_bench.cli.preparing import silence_libraries

    silence_libraries(1)
    from clvl_bench.data.readers.scan import reading_anew
    from clvl_bench.runs.data_check import check_data
    from clvl_bench.streams.config import BenchmarkConfig

    with reading_anew(verify):
        for each in benchmarks:
            assert isinstance(each, BenchmarkConfig)
            for line in check_data(each):
                print(f"  {line}")

"""Command line: verbs that parse, call and print. Everything heavy is imported inside the verb that
needs it.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import clvl_bench
from clvl_bench.core.errors import ClvlError, Mistake, unknown

if TYPE_CHECKING:
    from clvl_bench.runs.experiment import ExperimentConfig

app = typer.Typer(
    help="Continual adaptation of vision-language models: run, measure, compare.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

INTERRUPTED = 130
"""What typer answers to Ctrl-C, as shells do."""

Results = Annotated[
    Path, typer.Option("--results", help="Folder of results.", envvar="CLVL_RESULTS")
]
Set = Annotated[
    list[str],
    typer.Option(
        "--set", help="Override a field, e.g. train.epochs=1 or benchmark.label_space=seen."
    ),
]
Backbone = Annotated[
    str, typer.Option(help="Name (see list backbones) or folder in transformers' layout.")
]
Limit = Annotated[
    int | None,
    typer.Option(help="Samples a split, to try things out; marks results as partial.", min=1),
]
Device = Annotated[str, typer.Option(help="auto, cpu, or cuda.")]


@app.command()
def run(
    benchmark: Annotated[str, typer.Argument(help="Name or path of a benchmark's TOML file.")],
    strategy: Annotated[str, typer.Argument(help="Name or path of a strategy's TOML file.")],
    backbone: Backbone = "tiny",
    seed: Annotated[int, typer.Option(help="Of everything random in the run.", min=0)] = 0,
    device: Device = "auto",
    set_: Set = [],  # noqa: B006 (typer's form)
    limit: Limit = None,
    threads: Annotated[
        int, typer.Option(help="Threads of the run; they change the last bits.", min=1)
    ] = 1,
    precision: Annotated[
        str, typer.Option(help="Of frozen towers: fp32, bf16 or fp16; what trains is fp32.")
    ] = "fp32",
    results: Results = Path("results"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would run; write nothing.")
    ] = False,
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
    if dry_run:
        from clvl_bench.cli.show import show_plan

        show_plan([config], results)
        return
    _must_write(results)
    _quiet(threads)
    from clvl_bench.cli.show import show_result
    from clvl_bench.runs.runner import run as run_one

    show_result(run_one(config, results=results, device=_device(device, config.precision)), results)


@app.command()
def grid(
    experiment: Annotated[str, typer.Argument(help="Name or path of an experiment's TOML file.")],
    jobs: Annotated[
        int | None, typer.Option(help="Runs at a time; one a core if left out.", min=1)
    ] = None,
    device: Device = "auto",
    limit: Limit = None,
    results: Results = Path("results"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would run; write nothing.")
    ] = False,
) -> None:
    """Run what is missing of a grid. An experiment crosses benchmarks, strategies, backbones, seeds
    and class orders.
    """
    from clvl_bench.cli.show import show_grid, show_plan
    from clvl_bench.runs.files import runs_of

    config = _experiment(experiment)
    runs = runs_of(config, limit=limit)
    if dry_run:
        show_plan(runs, results)
        return
    _must_write(results)
    _quiet(1)
    from clvl_bench.runs.grid import default_jobs
    from clvl_bench.runs.grid import grid as run_grid

    outcomes = run_grid(
        runs, results=results, jobs=jobs or default_jobs(), device=_device(device, config.precision)
    )
    failed = show_grid(runs, outcomes, results, sweep=bool(config.sweep))
    if failed:
        raise typer.Exit(1)


@app.command()
def report(
    runs: Annotated[
        list[str],
        typer.Argument(help="Run folders, folders of them, committed folders, or an experiment."),
    ] = [],  # noqa: B006
    out: Annotated[Path, typer.Option(help="Where tables and plots go.")] = Path("results/report"),
    results: Results = Path("results"),
    plots: Annotated[bool, typer.Option(help="Draw the plots, too.")] = True,
    beside: Annotated[
        Path | None,
        typer.Option(help="A table of published numbers that ours are laid beside, in beside.md."),
    ] = None,
) -> None:
    """Make tables and plots of records."""
    from clvl_bench.cli.show import show_table
    from clvl_bench.report.committed import seal, write_committed
    from clvl_bench.report.runs import load
    from clvl_bench.report.writing import write_report

    found = load(_result_folders(runs, results))
    write_committed(found, out)
    write_report(found, out, plots=plots, published=beside)
    seal(out)
    show_table(found)
    print(f"Tables and plots: {out}")


@app.command()
def select(
    runs: Annotated[list[str], typer.Argument(help="An experiment with a sweep, or run folders.")],
    results: Results = Path("results"),
) -> None:
    """Show which settings are best on validation. Test accuracy is not looked at."""
    from clvl_bench.cli.show import show_settings
    from clvl_bench.report.runs import load
    from clvl_bench.report.selection import select as select_settings

    show_settings(select_settings(load(_result_folders(runs, results))))


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="Run folder, folder of them, or committed folder.")],
    b: Annotated[Path, typer.Argument(help="The same, to compare with.")],
    tolerance: Annotated[
        float,
        typer.Option(help="Largest difference of an accuracy, in 0..1, that is no change.", min=0),
    ] = 0.0,
) -> None:
    """Compare two sets of runs. The exit code is 1 when numbers moved."""
    for folder in (a, b):
        if not folder.is_dir():
            raise Mistake(
                f"{folder}: no such folder; give a run folder, a folder of runs, or one of "
                f"committed records"
            )
    from clvl_bench.report.compare import compare as differences_of
    from clvl_bench.report.runs import load

    differences, compared = differences_of(load([a]), load([b]), tolerance=tolerance)
    for difference in differences[:20]:
        print(f"{difference.where}: {difference.a:.4f} against {difference.b:.4f}")
    if len(differences) > 20:
        print(f"and {len(differences) - 20} more")
    print(f"{compared} runs compared, {len(differences)} values differ by more than {tolerance:g}")
    if differences:
        raise typer.Exit(1)


@app.command()
def check(files: Annotated[list[Path], typer.Argument(help="TOML files.")]) -> None:
    """Validate files without running anything."""
    from clvl_bench.runs.files import check as check_file

    for file in files:
        if not file.is_file():
            raise Mistake(f"{file}: no such file")
        sort, _ = check_file(file)
        print(f"{file}: a valid {sort}")


@app.command("list")
def list_(
    what: Annotated[
        str,
        typer.Argument(
            help="datasets, benchmarks, strategies, adapters, plugins, backbones, answerers or "
            "metrics; or a kind of one."
        ),
    ] = "all",
) -> None:
    """Show what there is."""
    from clvl_bench.cli.listing import show

    show(what)


@app.command()
def doctor(
    data: Annotated[
        bool, typer.Option("--data", help="Hash all fetched data, and say what changed.")
    ] = False,
    weights: Annotated[
        bool, typer.Option("--weights", help="Hash all fetched weights, and say what changed.")
    ] = False,
) -> None:
    """Show what works on this machine. Where something does not, it says what to type."""
    from clvl_bench.cli.doctor import Kind, examine

    wanted: list[Kind] = [*(["dataset"] if data else []), *(["model"] if weights else [])]  # type: ignore[list-item]
    if not examine(hashes=wanted):
        raise typer.Exit(1)


@app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(help="Datasets, backbones or answerers.")],
) -> None:
    """Download datasets or weights. It takes the pinned commit, and is the only verb that uses the
    network.
    """
    os.environ["HF_HUB_OFFLINE"] = "0"
    from clvl_bench.hub.fetch import fetch as fetch_one

    for name in names:
        print(f"{name}: {fetch_one(name)}")


@app.command()
def pack(
    names: Annotated[list[str], typer.Argument(help="Datasets or backbones that were fetched.")],
    to: Annotated[Path, typer.Option("--to", help="The archive to write.")] = Path("bundle.tar"),
) -> None:
    """Pack what was fetched into one archive. It is for a machine without network."""
    from clvl_bench.hub import bundle

    count = bundle.pack(names, to)
    print(f"{to}: {count} files of {', '.join(names)}; there: clvl-bench unpack {to.name}")


@app.command()
def unpack(archive: Annotated[Path, typer.Argument(help="An archive that pack wrote.")]) -> None:
    """Unpack such an archive. Data and weights go into the hub cache, and every hash is checked."""
    if not archive.is_file():
        raise Mistake(f"{archive}: no such file")
    from huggingface_hub.constants import HF_HUB_CACHE

    from clvl_bench.hub import bundle

    print(f"{archive}: {', '.join(bundle.unpack(archive, Path(HF_HUB_CACHE)))} are here now")


@app.command("import-weights")
def import_weights(
    file: Annotated[Path, typer.Argument(help="A state dict, .safetensors or .pt.")],
    arch: Annotated[str, typer.Option(help="The architecture's name there, for example ViT-B-32.")],
    from_: Annotated[
        str, typer.Option("--from", help="Whose names the weights have: open_clip.")
    ] = "open_clip",
    to: Annotated[
        Path | None, typer.Option("--to", help="The folder to write; the file's name if left out.")
    ] = None,
    family: Annotated[
        str | None,
        typer.Option(help="What records call these weights' family, for example RemoteCLIP."),
    ] = None,
) -> None:
    """Convert published weights to a folder. --backbone takes it; its features are checked against
    the original's.
    """
    if from_ != "open_clip":
        raise Mistake(f"--from {from_}: allowed: open_clip")
    if not file.is_file():
        raise Mistake(f"{file}: no such file")
    _quiet(1)
    from clvl_bench.backbones.importing import import_weights as convert

    made = convert(file, architecture=arch, folder=to or Path(file.stem), family=family)
    where = made.folder if made.folder.is_absolute() else f"./{made.folder}"
    print(
        f"{file}: features agree with open_clip's to {made.difference:.1e}; use it with --backbone "
        f"{where}"
    )


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Show versions and exit.")] = False,
) -> None:
    if version:
        from clvl_bench.cli.doctor import versions

        print(f"clvl_bench {clvl_bench.__version__}")
        for package, number in versions().items():
            print(f"{package} {number}")
        raise typer.Exit


def main() -> None:
    """The console script: a user's mistake is one line; our own faults keep their traceback."""
    os.environ.setdefault(
        "HF_HUB_OFFLINE", "1"
    )  # read when the hub library is imported: a run opens no socket
    try:
        code = app(standalone_mode=False)
    except ClvlError as error:
        print(f"clvl-bench: {error}", file=sys.stderr)
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:
        if not hasattr(error, "format_message"):  # typer's own complaints about arguments have it
            raise
        print(f"clvl-bench: {error.format_message()}", file=sys.stderr)
        code = 2
    if code == INTERRUPTED:
        print("clvl-bench: interrupted; the same command goes on where it stopped", file=sys.stderr)
    sys.exit(code or 0)


def _experiment(name: str) -> "ExperimentConfig":
    from clvl_bench.runs.experiment import ExperimentConfig
    from clvl_bench.runs.files import load

    experiment = load("experiment", name)
    assert isinstance(experiment, ExperimentConfig)
    return experiment


def _result_folders(names: list[str], results: Path) -> list[Path]:
    """Folders as they are named, and the run folders of experiments; without a name, all results.

    Raises:
        Mistake: a name is neither.
    """
    from clvl_bench.runs.files import names as known
    from clvl_bench.runs.files import runs_of

    folders: list[Path] = []
    for name in names or [str(results)]:
        if Path(name).is_dir():
            folders.append(Path(name))
        elif not name.endswith(".toml") and name not in known("experiment"):
            raise Mistake(
                f"{name}: no such folder, and {unknown('experiment', name, known('experiment'))}"
            )
        else:
            folders += [results / "runs" / config.id for config in runs_of(_experiment(name))]
    return folders


def _device(name: str, precision: str = "fp32") -> str:
    """The device to use.

    Raises:
        Mistake: there is no such device here, or a CPU was found where half precision was asked
            for.
    """
    import torch

    if name == "auto" and precision != "fp32" and not torch.cuda.is_available():
        raise Mistake(
            f"--precision {precision}: there is no GPU here; use fp32, or insist with --device cpu"
        )
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu" or (name.startswith("cuda") and torch.cuda.is_available()):
        return name
    raise Mistake(
        f"--device {name}: there is none here; allowed: auto, cpu"
        + (", cuda" if torch.cuda.is_available() else "")
    )


def _must_write(results: Path) -> None:
    """Refuse a folder that cannot be written before anything else takes time."""
    try:
        results.mkdir(parents=True, exist_ok=True)
        probe = results / f".probe.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Mistake(
            f"--results {results}: cannot be written ({error.strerror}); choose another folder"
        ) from None


def _quiet(threads: int) -> None:
    """Before torch is imported: its threads, and no chatter of libraries on the user's screen."""
    import warnings

    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("PYTHONWARNINGS", "ignore")  # of the workers that a grid starts
    warnings.filterwarnings("ignore")

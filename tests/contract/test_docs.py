"""What the documentation says is so: links lead somewhere, files in it are valid, lists in it are
the program's own.
"""

import re
import shlex
import tomllib
from functools import cache
from pathlib import Path

import pytest
import typer.main
from contract.tables import ROOT
from helpers.followed import blocks_of

from clvl_bench.cli.main import app
from clvl_bench.core.schema import parse
from clvl_bench.data.catalog.listing import DATASETS
from clvl_bench.data.catalog.sources import OwnCopySource
from clvl_bench.metrics.continual import METRICS
from clvl_bench.runs.experiment import ExperimentConfig
from clvl_bench.runs.files import load, runs_of
from clvl_bench.streams.config import BenchmarkConfig
from clvl_bench.training.config import StrategyConfig

# Not what a build of the site left in docs/generated.
DOCS = sorted({*ROOT.glob("docs/**/*.md")} - {*ROOT.glob("docs/generated/**/*.md")})
PAGES = [*sorted(ROOT.glob("*.md")), *DOCS, *sorted(ROOT.glob("results/*.md"))]
HEAD = 'version = 1\nscenario = "joint"\nlabel_space = "dataset"\n'
"""What stands before a dataset's table in a benchmark file."""


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text(name), re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_link_of_a_page_leads_to_a_file(page):
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert broken == []


def test_every_dataset_that_the_page_declares_is_valid():
    declared = []
    for block in blocks("docs/howto/datasets.md", "toml"):
        content = tomllib.loads(block)
        if "scenario" not in content:
            names = list(content.get("dataset", ["eurosat"]))
            content = {**tomllib.loads(HEAD), "datasets": names, **content}
        for dataset in content.get("dataset", {}).values():
            if dataset.get("classes") == "names.json":
                dataset["classes"] = ["a", "b"]
        config = parse(BenchmarkConfig, content, file="docs/howto/datasets.md")
        declared += [(name, dataset.source.kind) for name, dataset in config.dataset.items()]
    variants = ("eurosat_coop", "eurosat_spatial", "eurosat_zscl", "caltech101_zscl")
    literature = ("proof_cub", "core50_1", "domainnet_clipart", "cddb_gaugan")
    copies = [
        ("eurosat", "parquet"),
        ("pathmnist", "arrays"),
        *((name, "folder") for name in variants),
        ("eurosat", "folder"),
    ]
    assert declared == [
        *copies,
        *((name, "folder") for name in literature),
        ("imagenet", "folder"),
        ("whu_rs19", "backbone_features"),
        ("whu_rs19_whole", "backbone_features"),
        ("scenes", "folder"),
        ("tiles", "arrays"),
        ("fields", "table"),
        ("inspection", "features"),
        ("tiles_of_hub", "hub"),
    ]


def test_the_page_names_every_dataset_that_one_must_bring():
    table = (
        text("docs/howto/datasets.md")
        .partition("| `own copy` |")[2]
        .partition("\n")[0]
        .replace("ISIC 2018 and 2019", "ISIC 2018, ISIC 2019")
    )
    named = {
        re.sub("[^a-z0-9]", "", name.split(":")[-1].lower()) for name in re.split("[,;|]", table)
    } - {""}
    brought = {
        each.known_as.replace("_", "")
        for each in DATASETS
        if isinstance(each.source, OwnCopySource)
    }
    assert brought <= named


def test_the_experiment_on_the_page_is_valid_and_has_as_many_runs_as_it_says():
    plain, sweep, chosen, _ = blocks("docs/reference/running.md", "toml")
    config = parse(ExperimentConfig, tomllib.loads(plain), file="docs/reference/running.md")
    assert f"an experiment of {len(runs_of(config))} runs" in plain
    config = parse(ExperimentConfig, tomllib.loads(sweep), file="docs/reference/running.md")
    assert len(runs_of(config)) == 2 * 3 * 3
    assert "2 strategies x 3 rates x 3 class orders" in sweep
    config = parse(ExperimentConfig, tomllib.loads(chosen), file="docs/reference/running.md")
    assert "linear[train.lr=3e-3]" in [run.strategy for run in runs_of(config)]


def test_the_strategy_that_extends_another_on_the_page_is_what_its_comments_say(tmp_path):
    (tmp_path / "mine.toml").write_text(blocks("docs/reference/running.md", "toml")[3])
    mine, zscl = load("strategy", str(tmp_path / "mine.toml")), load("strategy", "zscl")
    assert isinstance(mine, StrategyConfig)
    assert isinstance(zscl, StrategyConfig)
    assert [each.kind for each in mine.plugins] == ["distillation", "weight_l2", "replay"]
    assert mine.plugins[0] == zscl.plugins[0].model_copy(update={"batch_size": 32})
    assert mine.train == zscl.train.model_copy(update={"classes": "seen"})


def test_the_page_defines_every_metric_and_no_other():
    table = text("docs/reference/metrics.md").partition("## Ours")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(METRICS)


def test_the_page_lists_the_verbs_that_there_are():
    verbs = set(typer.main.get_command(app).commands)
    assert (
        set(
            re.findall(
                r"^clvl-bench ([\w-]+)", blocks("docs/reference/running.md", "sh")[0], re.MULTILINE
            )
        )
        == verbs
    )


def typed_commands() -> list[str]:
    """Every command of the program that a page shows, but for the synopsis of running.md."""
    found = set()
    for page in PAGES:
        for language, body in re.findall(r"```(\w*)\n(.*?)```", page.read_text(), re.DOTALL):
            if language in ("", "sh", "bash"):
                lines = body.replace("\\\n", " ").splitlines()
                typed = {line for line in lines if line.startswith("clvl-bench ")}
                found |= {line.removesuffix(" &") for line in typed}  # of a script, behind it
    synopsis = set(blocks("docs/reference/running.md", "sh")[0].splitlines())
    return sorted(found - synopsis)


@pytest.mark.parametrize("command", typed_commands())
def test_a_command_on_a_page_has_options_that_there_are(command):
    """Those that can be typed here are, by tests/e2e/test_tutorials.py and test_pages.py."""
    for part in command.split(" > ")[0].split("&&"):
        _, verb, *words = shlex.split(part, comments=True)
        # A file of methods would be loaded.
        words = [word for word in words if word != "--methods" and not word.endswith(".py")]
        program = typer.main.get_command(app).commands[verb]
        program.make_context(verb, words)


@pytest.mark.parametrize("page", DOCS, ids=[str(page.relative_to(ROOT)) for page in DOCS])
def test_commands_are_typed_by_a_test_or_say_above_why_not(page):
    for block in blocks_of(page.read_text(encoding="utf-8")):
        if block.has_commands:
            assert block.language == "sh" or block.why_not, f"{page.name}:{block.line}"


def test_a_target_that_the_pages_name_is_in_the_makefile():
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    named = {
        name
        for page in PAGES
        for name in re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }
    assert "bench" in named
    assert named - targets == set()


def test_the_first_screen_of_the_readme_says_that_the_default_is_a_toy():
    screen = text("README.md").splitlines()[:25]
    assert any("toy" in line for line in screen)


COLUMNS = {
    "last": "Last",
    "forgetting": "Forgetting",
    "held-out zero-shot": "Held-out",
    "n": "Runs",
}
"""What README.md calls the columns of a committed table."""


def rows_of(table: str) -> list[dict[str, str]]:
    head, _, *lines = [
        [re.sub(r"[*≈\\]", "", cell).strip() for cell in line.strip("|").split("|")]
        for line in table.splitlines()
        if line.startswith("|")
    ]
    return [dict(zip(head, cells, strict=True)) for cells in lines]


@pytest.mark.parametrize("folder", ["photo_rsscn7", "toy_landcover"])
def test_the_tables_of_the_readme_are_the_committed_ones(folder):
    """By the strategy's name alone: what was set of it beside its file is left out there."""
    shown = re.search(
        rf"<!-- table of results/{folder} -->(.*?)<!-- /table -->", text("README.md"), re.DOTALL
    )
    assert shown is not None
    summary = text(f"results/{folder}/summary.md")
    committed = rows_of(summary[summary.index("| Strategy") :].partition("\n\n")[0])
    for row in rows_of(shown[1]):
        name = row.pop("strategy")
        (found,) = [each for each in committed if each["Strategy"].partition("[")[0] == name]
        assert row == {column: found[COLUMNS[column]] for column in row}, name


@cache
def reachable() -> set[Path]:
    """Pages that a reader of README.md comes to by following links."""
    found, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop().resolve()
        if page in found or page.suffix != ".md" or not page.is_file():
            continue
        found.add(page)
        waiting += [
            page.parent / link
            for link in re.findall(r"\]\(([^)#]+)\)", page.read_text())
            if "://" not in link
        ]
    return found


@pytest.mark.parametrize("page", DOCS, ids=[str(page.relative_to(ROOT)) for page in DOCS])
def test_a_page_of_the_documentation_is_reachable_from_the_readme(page):
    assert page in reachable()


def test_the_bibliography_names_every_paper_that_a_method_or_a_dataset_cites():
    page = text("docs/reference/bibliography.md")
    package = ROOT / "clvl_bench"
    parts = [
        *sorted((package / "methods").rglob("*.py")),
        *sorted((package / "data" / "catalog").glob("*.py")),
    ]
    cited = {
        found
        for path in parts
        for found in re.findall(r"arXiv:\d{4}\.\d{4,5}", path.read_text(encoding="utf-8"))
    }
    assert len(cited) > 20
    assert sorted(paper for paper in cited if paper not in page) == []

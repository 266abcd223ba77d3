"""Pages that are one table each: strategies, benchmarks, datasets, backbones, commands."""

import typer.main
import wording
from links import on_github
from method_pages import strategy, verdicts

from clvl_bench.backbones.answerers.catalog import ANSWERERS
from clvl_bench.backbones.catalog import BACKBONES
from clvl_bench.cli import listing
from clvl_bench.cli.main import VERBS, app
from clvl_bench.data.catalog.listing import DATASETS, QUESTIONS
from clvl_bench.runs.files import load
from clvl_bench.runs.toml_files import names
from clvl_bench.streams.config import BenchmarkConfig


def table_pages() -> dict[str, str]:
    """The text of each page, by where it lies below docs/."""
    return {
        "generated/strategies.md": _strategies(),
        "generated/benchmarks.md": _benchmarks(),
        "generated/datasets.md": _datasets(),
        "generated/backbones.md": _backbones(),
        "generated/commands.md": _commands(),
    }


def _strategies() -> str:
    equal = {}
    for row in verdicts():
        equal |= dict.fromkeys(row.strategies.split(", "), row.equality)
    rows = []
    for name in names("strategy"):
        config = strategy(name)
        parts = [config.adapter.kind, *(plugin.kind for plugin in config.plugins)]
        linked = ", ".join(f"[{kind}](methods/{kind}.md)" for kind in parts)
        file = on_github(f"experiments/strategies/{name}.toml")
        what = wording.text(listing.headline("strategy", name))
        rows.append([f"[{name}]({file})", what, linked, _in_short(equal.get(name, ""))])
    titles = ["strategy", "what", "adapter, plugins", "compared with released code"]
    said = (
        "Files of `experiments/strategies`. How each was compared with its authors' code, and how"
    )
    said += (
        " near it came, stands on its method's page and in [reproduction](results/reproduction.md)."
    )
    return f"# Strategies\n\n{said}\n\n{wording.table(titles, rows)}"


def _in_short(equality: str) -> str:
    """The largest difference of a comparison."""
    return equality.rpartition("; ")[2].partition(" ")[0] if len(equality) > 1 else ""


def _benchmarks() -> str:
    rows = []
    for name in names("benchmark"):
        config = load("benchmark", name)
        assert isinstance(config, BenchmarkConfig)
        labels = config.supervision.kind + (", online" if config.online else "")
        what = wording.text(listing.headline("benchmark", name))
        held_out = ", ".join(config.zeroshot)
        file = f"[{name}]({on_github(f'benchmarks/{name}.toml')})"
        rows.append([file, what, config.scenario, config.label_space, labels, held_out])
    titles = ["benchmark", "what", "scenario", "label space", "labels", "held out"]
    said = "Files of `benchmarks`. What the columns mean: [protocols](../explanation/protocols.md)."
    return f"# Benchmarks\n\n{said}\n\n{wording.table(titles, rows)}"


def _datasets() -> str:
    images = []
    for each in DATASETS:
        size = listing.sizes(each.splits) if each.splits else f"{each.samples}, no split"
        named = [each.title, each.domain, str(len(each.classes)), size]
        images.append([wording.code(each.name), *named, each.licence, each.citation])
    questions = []
    for each in QUESTIONS:
        named = [each.title, each.domain, ", ".join(each.partitions)]
        questions.append([wording.code(each.name), *named, each.licence, each.citation])
    titles = ["dataset", "title", "domain", "classes", "train/valid/test", "licence", "citation"]
    of_questions = ["dataset", "title", "domain", "partitions", "licence", "citation"]
    said = "What the suite declares. Where each comes from, and how to bring your own: "
    said += "[datasets](../howto/datasets.md), [questions](../howto/vqa.md)."
    return "\n".join(
        [
            f"# Datasets\n\n{said}\n\n## Images\n",
            wording.table(titles, [list(map(wording.text, row)) for row in images]),
            "## Questions\n",
            wording.table(of_questions, [list(map(wording.text, row)) for row in questions]),
        ]
    )


def _backbones() -> str:
    """What the list of the command line says, but for the column that depends on the machine."""
    sections = []
    for title, declared in (("Backbones", BACKBONES), ("Models that answer", ANSWERERS)):
        titles, *rows = listing.models(declared)
        cells = [[wording.code(row[0]), *map(wording.text, row[1:-1])] for row in rows]
        sections.append(f"## {title}\n\n{wording.table(titles[:-1], cells)}")
    said = "What the suite declares. How weights get here: [backbones](../howto/backbones.md)."
    return "\n".join([f"# Backbones and answerers\n\n{said}\n", *sections])


def _commands() -> str:
    group = typer.main.get_command(app)
    context = typer.Context(group, info_name="clvl-bench")
    said = "Every verb, as `clvl-bench VERB --help` says it. What they are for: "
    said += "[running](../reference/running.md)."
    sections = [_command(name, group.get_command(context, name), context) for name in VERBS]
    return "\n".join([f"# Commands\n\n{said}\n", *sections])


def _command(name: str, command, parent) -> str:  # type: ignore[no-untyped-def]
    context = typer.Context(command, info_name=name, parent=parent)
    rows = []
    for parameter in command.params:
        made = parameter.get_help_record(context)
        written, help_ = made or (parameter.human_readable_name, getattr(parameter, "help", ""))
        rows.append([wording.code(written), wording.text(help_ or "")])
    usage = " ".join(command.collect_usage_pieces(context))
    return "\n".join(
        [
            f"## {name}",
            "",
            wording.text(command.help or ""),
            f"\n```\nclvl-bench {name} {usage}\n```\n",
            wording.table(["argument or option", "what"], rows),
        ]
    )

"""What the site makes of the code: a page for each method, every command, links that lead on."""

import sys
from datetime import date
from importlib import import_module

import pytest
from contract.tables import ROOT

from clvl_bench.cli.main import VERBS
from clvl_bench.methods import registry
from clvl_bench.runs.toml_files import names


@pytest.fixture(scope="module")
def extensions():
    """The modules that make pages, as Sphinx finds them."""
    folder = str(ROOT / "docs" / "extensions")
    sys.path.insert(0, folder)
    wanted = ("wording", "links", "method_pages", "table_pages", "architecture_picture")
    yield {name: import_module(name) for name in wanted}
    sys.path.remove(folder)
    for name in wanted:
        del sys.modules[name]


@pytest.fixture(scope="module")
def method_pages(extensions):
    return extensions["method_pages"].method_pages()


@pytest.mark.parametrize("kind", [*registry.adapter_kinds(), *registry.plugin_kinds()])
def test_a_method_has_a_page_with_its_paper_and_all_of_its_settings(method_pages, kind):
    page = method_pages[f"generated/methods/{kind}.md"]
    config = registry.config_class(kind)
    assert "## The paper, and what differs from it\n## Settings" not in page
    shown = set(config.model_fields) - {"kind"}
    assert [name for name in shown if f"| `{name}` |" not in page] == []


def test_a_page_says_what_code_files_and_committed_results_say(method_pages):
    page = method_pages["generated/methods/kgcoop.md"]
    assert "| `anchor_weight` | 8.0 | number \\>= 0 |" in page
    assert "https://arxiv.org/abs/2303.13283" in page
    assert "[kgcoop_replay](" in page
    assert "; 5.0e-6 ([test_prompts](https://" in page, "as results/REPRODUCTION.md has it"
    assert "| toy_landcover | kgcoop_replay | 51.6 | 6.8 | 98.1 | 9 |" in page, "as README has it"


def test_a_page_says_that_predictions_depend_on_each_other(method_pages):
    for kind, config in registry.adapters().items():
        page = method_pages[f"generated/methods/{kind}.md"]
        assert ("`transductive`" in page) == config().transductive, kind
    assert "`transductive`" in method_pages["generated/methods/transclip.md"]


def test_a_page_has_the_authors_word_or_says_that_there_is_none(extensions, method_pages):
    made = extensions["method_pages"]
    said = {word.kind for word in made.words()}
    assert said <= {*registry.adapter_kinds(), *registry.plugin_kinds()}
    for kind in registry.adapter_kinds():
        page = method_pages[f"generated/methods/{kind}.md"]
        assert ("By none of them yet." in page) == (kind not in said), kind
    word = made.Word("kgcoop", "A. Author", date(2026, 1, 31), "0123abc", "as meant", "https://x.y")
    expected = "| A. Author | 2026-01-31 | `0123abc` | as meant | [there](https://x.y) |"
    assert expected in made._verified((word,), "kgcoop")
    assert "By none of them yet." in made._verified((word,), "prompt")


def test_tables_have_every_strategy_benchmark_and_command(extensions):
    pages = extensions["table_pages"].table_pages()
    strategies, benchmarks = pages["generated/strategies.md"], pages["generated/benchmarks.md"]
    assert [name for name in names("strategy") if f"| [{name}](" not in strategies] == []
    assert [name for name in names("benchmark") if f"| [{name}](" not in benchmarks] == []
    assert [verb for verb in VERBS if f"\n## {verb}\n" not in pages["generated/commands.md"]] == []


@pytest.mark.parametrize(
    ("link", "leads"),
    [
        ("../howto/vqa.md#scoring", "../howto/vqa.md#scoring"),
        ("../../results/README.md", "../generated/results/index.md"),
        ("../../clvl_bench/api.py", "{repository}/blob/main/clvl_bench/api.py"),
        ("../../clvl_bench/methods", "{repository}/tree/main/clvl_bench/methods"),
        ("../examples/clip_delay.toml", "{repository}/blob/main/docs/examples/clip_delay.toml"),
        ("https://arxiv.org", "https://arxiv.org"),
        ("nowhere.md", "nowhere.md"),
        ("../tutorials/notebook.ipynb", "../tutorials/notebook.ipynb"),
    ],
)
def test_a_link_leads_to_the_same_place_from_the_site(extensions, link, leads):
    links = extensions["links"]
    made = links.mended(f"[x]({link})", file="docs/reference/api.md", page="reference/api.md")
    assert made == f"[x]({leads.format(repository=links.REPOSITORY)})"


def test_a_text_is_no_markup_but_for_its_code(extensions):
    text = extensions["wording"].text
    assert text("a *b* `*c*` _d results/e_f.md") == r"a \*b\* `*c*` \_d results/e_f.md"


def test_the_picture_of_the_house_has_the_floors_that_are_held(extensions):
    drawn = extensions["architecture_picture"]
    rooms = {room for floor in drawn.floors() for room in floor}
    folders = {path.parent.name for path in (ROOT / "clvl_bench").glob("*/__init__.py")}
    assert rooms == set(drawn.ROOMS) == (folders - {"assets"}) | {"api"}
    assert drawn.PICTURE.read_text(encoding="utf-8") == drawn.picture(), "draw it anew"


def test_a_file_that_the_picture_of_the_house_names_is_there(extensions):
    package = ROOT / "clvl_bench"
    for _, _, files in extensions["architecture_picture"].STEPS:
        for group in files.split("; ") if files else ():
            first, *others = group.split(", ")
            folder = (package / first).parent
            named = [package / first, *(folder / other for other in others)]
            assert [str(path) for path in named if not path.exists()] == []

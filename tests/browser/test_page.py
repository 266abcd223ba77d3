"""A report's page in a real browser without network: it is quiet, does what its parts offer, and
can be read by everybody.
"""

import csv
import re

import pytest
from conftest import ROOT
from helpers.hostile import STRATEGY, WILD
from helpers.pages import content_of

pytestmark = pytest.mark.browser

WHU = ROOT / "results" / "photo_whu_rs19"
PAGES = ("whu", "toy", "hostile", "thousand")
NAMES = "#results tbody th"


@pytest.fixture(scope="module")
def summary() -> list[dict[str, str]]:
    """The committed table of the strategies on WHU-RS19."""
    with (WHU / "summary.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 1024, 390])
@pytest.mark.parametrize("name", ["whu", "toy", "hostile"])
def test_it_fits_every_screen(opened, pages, screenshots, name, width, scheme):
    window = opened(pages[name], width=width, scheme=scheme)
    window.page.screenshot(path=screenshots / f"{name}_{width}_{scheme}.png", full_page=True)
    wide = window.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width, "no line is cut or scrolled sideways"


@pytest.mark.parametrize("name", ["whu", "toy"])
def test_it_prints(opened, pages, screenshots, name):
    window = opened(pages[name])
    printed = window.page.pdf(path=screenshots / f"{name}.pdf", format="A4")
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) < 30


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["whu", "toy", "hostile"])
def test_axe_finds_nothing_serious(opened, pages, name, scheme):
    window = opened(pages[name], scheme=scheme)
    for closed in window.page.locator("details.more > summary").all():
        closed.click()
    assert window.serious() == []


def test_a_click_on_a_column_sorts_and_another_turns_it_round(opened, pages, summary):
    window = opened(pages["whu"])
    by_name = {row["strategy"]: float(row["incremental_mean"]) for row in summary}
    head = window.page.locator("#results thead button", has_text="Avg incr.")
    head.click()
    falling = [by_name[name.removesuffix(" †")] for name in window.texts(NAMES)]
    assert falling == sorted(by_name.values(), reverse=True)
    head.click()
    assert window.page.locator("#results th[aria-sort=ascending]").count() == 1
    rising = [by_name[name.removesuffix(" †")] for name in window.texts(NAMES)]
    assert rising == sorted(by_name.values())


def test_a_filter_leaves_what_holds_its_letters(opened, pages, summary):
    window = opened(pages["whu"])
    window.page.get_by_label("Filter").fill("Adapter")
    wanted = {row["strategy"] for row in summary if "adapter" in row["strategy"]}
    assert set(window.texts(NAMES)) == wanted
    assert window.texts("#shown") == [f"{len(wanted)} of {len(summary)} strategies"]


def test_any_two_metrics_can_be_chosen(opened, pages, summary):
    window = opened(pages["whu"])
    window.page.locator("#across").select_option("forgetting")
    window.page.locator("#up").select_option("kept_bytes")
    told = window.page.locator("#scatter svg").get_attribute("aria-label")
    assert told == "Kept against Forgetting"
    assert window.page.locator("#scatter g[role=img]").count() == len(summary)


def test_a_name_opens_its_matrix_with_the_numbers_of_the_records(opened, pages):
    window = opened(pages["whu"])
    window.page.get_by_label("Filter").fill("slda")
    window.page.locator(f"{NAMES} a").click()
    assert window.page.locator("#which").input_value() == "slda"
    (table,) = content_of(pages["whu"].read_text())["tables"]
    (row,) = [each for each in table["strategies"] if each["name"] == "slda"]
    expected = [value for line in row["matrix"]["mean"] for value in line]
    shown = [float(text) for text in window.texts("#detail .heat >> nth=0 >> tbody td")]
    assert shown == pytest.approx(expected, abs=0.51), "whole percents"


def test_a_failure_shows_its_picture_and_what_was_said(opened, pages):
    window = opened(pages["toy"])
    (table,) = content_of(pages["toy"].read_text())["tables"]
    samples = table["failures"]["samples"]
    assert window.page.locator("#cards > li").count() == len(samples) > 0
    picture = window.page.locator("#cards img").first
    assert picture.evaluate("image => image.complete && image.naturalWidth > 0")
    kind = samples[0]["true"]
    window.page.locator("#kind").select_option(kind)
    shown = [sample for sample in samples if sample["true"] == kind]
    assert window.texts("#cards .true") == [kind] * len(shown)


def test_hostile_names_are_text(opened, pages):
    window = opened(pages["hostile"])
    assert STRATEGY in window.texts(f"{NAMES} a")
    window.page.locator(f"{NAMES} a", has_text=STRATEGY).click()
    assert set(WILD) <= set(window.texts("#detail .heat >> nth=1 >> thead th"))
    assert set(window.texts("#cards .true")) <= set(WILD)
    assert window.page.locator("img:not([src^='data:image/jpeg'])").count() == 0
    assert window.page.locator("script").count() == 2


@pytest.mark.parametrize("name", PAGES)
def test_a_page_weighs_less_than_three_megabytes(opened, pages, name):
    assert pages[name].stat().st_size < 3_000_000
    assert opened(pages[name]).page.locator("#detail h3").count() > 1, "and its script runs"


def test_the_keyboard_alone_sorts_and_opens(opened, pages):
    window = opened(pages["whu"])
    head = window.page.get_by_role("button", name="Strategy", exact=True)
    head.focus()
    window.page.keyboard.press("Enter")
    names = window.texts(NAMES)
    assert names == sorted(names, key=str.lower)
    focused = window.page.evaluate("document.activeElement.textContent")
    assert focused == "Strategy", "the head that was pressed keeps the focus"

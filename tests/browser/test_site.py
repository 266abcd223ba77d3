"""The documentation's site in a real browser: `make docs` made it."""

import os
from pathlib import Path

import pytest
from conftest import ROOT

pytestmark = pytest.mark.browser

SITE = Path(os.environ.get("SITE", ROOT / "build" / "docs"))
PAGES = (
    "index",
    "tutorials/own-method",
    "tutorials/notebook",
    "howto/datasets",
    "reference/running",
    "explanation/architecture",
    "generated/methods/kgcoop",
    "generated/python",
)


@pytest.fixture(scope="module", autouse=True)
def _site() -> None:
    if not (SITE / "index.html").is_file():
        pytest.skip("no site in build/docs: make docs")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_site_is_quiet_and_axe_finds_nothing_serious(
    opened, screenshots, name, scheme
):
    window = opened(SITE / f"{name}.html", scheme=scheme)
    told = name.replace("/", "_")
    window.page.screenshot(path=screenshots / f"site_{told}_{scheme}.png", full_page=True)
    assert window.serious() == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_site_fits_a_telephone(opened, screenshots, name):
    window = opened(SITE / f"{name}.html", width=390)
    told = name.replace("/", "_")
    window.page.screenshot(path=screenshots / f"site_{told}_390.png", full_page=True)
    assert window.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_search_of_the_site_finds_a_word(opened):
    window = opened(SITE / "search.html")
    window.page.goto((SITE / "search.html").as_uri() + "?q=valid_fraction")
    window.page.locator("#search-results li").first.wait_for(timeout=10_000)

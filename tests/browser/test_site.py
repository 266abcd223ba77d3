"""The documentation's site in a real browser: `make docs` made it."""

import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
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


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *said: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def home() -> Iterator[str]:
    """The address of the site, on this machine: a browser reads no file from a file."""
    if not (SITE / "index.html").is_file():
        pytest.skip("no site in build/docs: make docs")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=SITE)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_site_is_quiet_and_axe_finds_nothing_serious(
    opened, home, screenshots, name, scheme
):
    window = opened(f"{home}{name}.html", home=home, scheme=scheme)
    told = name.replace("/", "_")
    window.page.screenshot(path=screenshots / f"site_{told}_{scheme}.png", full_page=True)
    assert window.serious() == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_site_fits_a_telephone(opened, home, screenshots, name):
    window = opened(f"{home}{name}.html", home=home, width=390)
    told = name.replace("/", "_")
    window.page.screenshot(path=screenshots / f"site_{told}_390.png", full_page=True)
    assert window.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_search_of_the_site_finds_a_word(opened, home):
    window = opened(f"{home}search.html?q=valid_fraction", home=home)
    window.page.locator("#search-results li").first.wait_for(timeout=10_000)

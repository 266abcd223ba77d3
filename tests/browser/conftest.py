"""A browser without network, and the pages that are opened in it: `make browser`.

Screenshots and prints are left in the folder SCREENSHOTS (build/browser) for people to look at.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from command import clvl
from conftest import ROOT
from helpers.hostile import hostile_runs, write_pictures
from helpers.pages import Opened, with_a_thousand_classes

SCREENSHOTS = Path(os.environ.get("SCREENSHOTS", ROOT / "build" / "browser"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The Chromium of this machine; nothing is downloaded."""
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium: apt-get install chromium, or CHROMIUM=its path")
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Opened]]:
    """Opens a file (without network) or an address in a window of its own, and looks behind the
    test whether all was quiet.
    """
    windows: list[Opened] = []

    def open_(
        what: Path | str, *, width: int = 1440, scheme: str = "light", home: str = "file:"
    ) -> Opened:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=home == "file:"
        )
        address = what.as_uri() if isinstance(what, Path) else what
        windows.append(Opened(context.new_page(), address, home=home))
        return windows[-1]

    yield open_
    for window in windows:
        window.page.context.close()
        assert window.said == [], "the console stays empty"
        assert window.elsewhere == [], "nothing is loaded from elsewhere"


@pytest.fixture(scope="session")
def screenshots() -> Path:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return SCREENSHOTS


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages by name: of real photographs, of a toy with failures, of names that are hostile, and of
    a thousand classes.
    """
    folder = tmp_path_factory.mktemp("pages")
    done = clvl("report", ROOT / "results" / "photo_whu_rs19", "--out", folder / "whu")
    assert done.returncode == 0, done.stderr
    found = {"whu": folder / "whu" / "index.html", "toy": ROOT / "docs" / "example_page.html"}
    found |= {name: folder / f"{name}.html" for name in ("hostile", "thousand")}
    found["thousand"].write_text(with_a_thousand_classes(found["toy"].read_text()))
    found["hostile"].write_bytes(_hostile(folder / "hostile"))
    return found


def _hostile(folder: Path) -> bytes:
    from clvl_bench.report.page.writing import page
    from clvl_bench.report.report_data import ReportData

    runs = hostile_runs(write_pictures(folder / "ward_7"), folder)
    return page(ReportData(runs, private_pictures=True))

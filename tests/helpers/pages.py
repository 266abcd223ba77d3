"""A page in a browser, with what it said and what it asked for; and a page made large."""

import json
import re
from typing import Any

import numpy as np

from clvl_bench.metrics.classes import Confusion
from clvl_bench.report.page.class_counts import told
from clvl_bench.report.page.writing import to_script

CONTENT = re.compile(r'(?<=<script type="application/json" id="content">).*?(?=</script>)', re.S)


class Opened:
    """What is open in a browser.

    Args:
        page: an empty page of it.
        address: what is opened.
        home: how addresses begin that may be asked for.

    Attributes:
        said: errors on the console and elsewhere, and dialogs.
        elsewhere: other addresses that were asked for.
    """

    def __init__(self, page: Any, address: str, *, home: str = "file:") -> None:
        self.page = page
        self._home = home
        self.said: list[str] = []
        self.elsewhere: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", self._refuse)
        page.on("request", self._note)
        page.goto(address)

    def _hear(self, message: Any) -> None:
        asked = message.location.get("url", "")
        if message.type in ("error", "warning") and not asked.endswith("/favicon.ico"):
            self.said.append(f"{message.text} {message.location}")

    def _refuse(self, dialog: Any) -> None:
        self.said.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _note(self, request: Any) -> None:
        if not request.url.startswith((self._home, "data:")):
            self.elsewhere.append(request.url)

    def texts(self, selector: str) -> list[str]:
        """What stands in each of some elements."""
        return [each.strip() for each in self.page.locator(selector).all_text_contents()]

    def serious(self) -> list[str]:
        """What axe-core finds that is serious or critical, with the first place of each."""
        from axe_playwright_python.sync_playwright import Axe

        before = list(self.said)
        found = Axe().run(self.page).response["violations"]
        self.said[:] = before  # it asks for style sheets where they are not
        return [
            f"{each['id']} at {each['nodes'][0]['target']}: {each['help']}"
            for each in found
            if each["impact"] in ("serious", "critical")
        ]


def content_of(page: str) -> dict[str, Any]:
    """What a page says, as its script reads it."""
    found = CONTENT.search(page)
    assert found is not None
    content: dict[str, Any] = json.loads(found[0])
    return content


def with_a_thousand_classes(page: str) -> str:
    """The page with thirty strategies that were all tested on a thousand classes."""
    content = content_of(page)
    table = content["tables"][0]
    table["classes"] = [f"class of number {number}" for number in range(1000)]
    counts = np.random.default_rng(0).integers(0, 9, (1000, 1000))
    classes = told(Confusion(counts, counts.sum(axis=1)))
    first, *_ = table["strategies"]
    table["strategies"] = [
        {**first, "name": f"strategy {number}", "classes": classes} for number in range(30)
    ]
    return CONTENT.sub(lambda _: to_script(content), page)

"""Pages that nobody writes: made when the site is built, below docs/generated, which git leaves
out.
"""

import shutil
from typing import Any

from links import COPIED, ROOT, mended
from method_pages import method_pages
from sphinx.application import Sphinx
from table_pages import table_pages

import clvl_bench

DOCS = ROOT / "docs"
PYTHON = "generated/python.md"


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("builder-inited", _write)
    app.connect("source-read", _mend)
    return {"parallel_read_safe": True}


def pages() -> dict[str, str]:
    """The text of each page, by where it lies below docs/."""
    return {**method_pages(), **table_pages(), **_copies(), PYTHON: _python()}


def _write(app: Sphinx) -> None:
    shutil.rmtree(DOCS / "generated", ignore_errors=True)
    for name, content in pages().items():
        file = DOCS / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")


def _mend(app: Sphinx, name: str, source: list[str]) -> None:
    """Links of the pages that people wrote."""
    source[0] = mended(source[0], file=f"docs/{name}.md", page=f"{name}.md")


def _copies() -> dict[str, str]:
    """Pages that lie elsewhere in the checkout."""
    texts = {}
    for file, page in COPIED.items():
        content = (ROOT / file).read_text(encoding="utf-8")
        texts[page] = mended(content, file=file, page=page)
    return texts


def _python() -> str:
    """The public face, by autodoc."""
    said = "What `import clvl_bench` offers; each name is imported when it is first asked for. "
    said += "What these are for: [from a notebook or a script](../reference/api.md)."
    entries = [_entry(name) for name in clvl_bench.__all__]
    return "\n".join(["# Python", "", said, "", *entries])


def _entry(name: str) -> str:
    directive = "autofunction"
    if isinstance(getattr(clvl_bench, name), type):
        directive = "autoclass"
    members = "   :members:\n" if directive == "autoclass" else ""
    body = f".. {directive}:: clvl_bench.{name}\n{members}"
    return f"## {name}\n\n```{{eval-rst}}\n{body}```\n"

"""Links of a page: written so that they lead somewhere on GitHub and in an editor, they are made to
lead to the same place from the site.
"""

import os
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The checkout."""
REPOSITORY = "https://github.com/clvl-bench/clvl_bench"
COPIED = {
    "results/README.md": "generated/results/index.md",
    "results/REPRODUCTION.md": "generated/results/reproduction.md",
    "results/SELECTION.md": "generated/results/selection.md",
    "CONTRIBUTING.md": "generated/contributing.md",
    "SECURITY.md": "generated/security.md",
    "CHANGELOG.md": "generated/changelog.md",
}
"""Pages that lie outside docs/ and are on the site: where each is copied to, below docs/."""
LINK = re.compile(r"(?P<before>\]\()(?P<path>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
SHOWN = (".md", ".ipynb", ".html", ".svg", ".png")
"""Files of docs/ that the site has; what else lies there is shown on GitHub."""


def mended(text: str, *, file: str, page: str) -> str:
    """The text of a page with links that work on the site.

    Args:
        file: where the text was written, below the checkout; its links count from there.
        page: where it stands on the site, below docs/.
    """

    def link(found: re.Match[str]) -> str:
        target = _target(found["path"], file=file, page=page)
        return f"{found['before']}{target}{found['anchor'] or ''})"

    return LINK.sub(link, text)


def _target(path: str, *, file: str, page: str) -> str:
    """Where a link leads: within the site if the site has it, otherwise to GitHub."""
    if "://" in path:
        return path
    meant = os.path.normpath(Path(file).parent / path)
    if not (ROOT / meant).exists():
        return path
    if meant in COPIED:
        return os.path.relpath(COPIED[meant], Path(page).parent)
    if meant.startswith("docs/") and meant.endswith(SHOWN):
        return os.path.relpath(meant.removeprefix("docs/"), Path(page).parent)
    return on_github(meant)


def on_github(path: str) -> str:
    """The address of a file or folder of the checkout."""
    sort = "tree" if (ROOT / path).is_dir() else "blob"
    return f"{REPOSITORY}/{sort}/main/{path}"

"""TOML files: found by name or path, and read."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import clvl_bench
from clvl_bench.core.errors import Mistake, some, unknown
from clvl_bench.core.files import expanded, is_file, read_text

FOLDERS: dict[str, str] = {
    "benchmark": "benchmarks", "strategy": "experiments/strategies", "experiment": "experiments",
}  # fmt: skip
"""Where the files of each sort live, here and in an installed package."""
TARGETS = "experiments/reproduce"
"""Where targets of `reproduce` live, in the latter alone."""


LONGEST = 4_000_000
"""Characters of a file: the class names of a hundred thousand classes."""
KEY_PARTS = 50
"""Parts of a dotted key. The time that the standard library takes grows with their square."""

_KEY_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')\s*+\.\s*+"""
_LONG_KEY = re.compile(rf"(?<![\w.-])(?:{_KEY_PART}){{{KEY_PARTS}}}")


def shipped() -> Path:
    """The folder above the shipped benchmarks/ and experiments/: inside the package if installed,
    else the checkout.
    """
    package = Path(clvl_bench.__file__).parent
    inside = package / "shipped"
    return inside if inside.is_dir() else package.parent


def names(sort: str) -> list[str]:
    """The names of all files of a sort, the current folder's and the shipped ones."""
    folders = (Path.cwd() / FOLDERS[sort], shipped() / FOLDERS[sort])
    return sorted(
        {file.stem for folder in folders if folder.is_dir() for file in folder.glob("*.toml")}
    )


def target_names() -> list[str]:
    """The shipped targets of `reproduce`."""
    return sorted(path.stem for path in (shipped() / TARGETS).glob("*.toml"))


def is_path(name: str) -> bool:
    """Whether it is the path of a file rather than a name."""
    return name.endswith(".toml") or "/" in name


def locate(sort: str, name: str) -> Path:
    """The file behind a name or a path.

    Raises:
        Mistake: there is none; names a near match.
    """
    if is_path(name):
        path = expanded(name)
        if not is_file(path):
            raise Mistake(no_such_file(sort, name))
        return path
    found = named(sort, name, roots=(Path.cwd(), shipped()))
    if not found:
        raise Mistake(unknown(sort, name, names(sort), listed=_listed(sort)))
    return found[0]


def named(sort: str, name: str, *, roots: Sequence[Path]) -> list[Path]:
    """The files of that name below these folders, in the order of the folders."""
    paths = [root / FOLDERS[sort] / f"{name}.toml" for root in roots]
    return [path for path in paths if is_file(path)]


def no_such_file(sort: str, name: str) -> str:
    """The line for a path that leads nowhere."""
    known = some(name, names(sort), listed=_listed(sort))
    return f"{name}: no such file; give the path of a TOML file, or a name: {known}"


def _listed(sort: str) -> str:
    """The command that shows all names of a sort; there is none for experiments."""
    return "" if sort == "experiment" else f"clvl-bench list {Path(FOLDERS[sort]).name}"


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        Mistake: it is not TOML, or not text.
    """
    try:
        return parse_toml(read_text(path))
    except (OSError, UnicodeDecodeError) as error:
        raise Mistake(f"{shown(path)}: cannot be read: {error}") from None
    except ValueError as error:
        raise Mistake(f"{shown(path)}: is not valid TOML: {error}; strings need quotes") from None


def parse_toml(text: str) -> dict[str, Any]:
    """The content of TOML, if it is of a size that somebody could have written.

    Raises:
        ValueError: it is not TOML, or is larger, nested deeper or has longer keys.
    """
    if len(text) > LONGEST:
        raise ValueError(f"it has {len(text):,} characters, allowed are {LONGEST:,}")
    if _LONG_KEY.search(text):
        raise ValueError(f"a key has more than {KEY_PARTS} parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def shown(path: Path) -> str:
    """A path as the user would write it: relative where it lies below the current folder."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)

"""Where datasets lie on this machine: said in a benchmark's own tables, or for all benchmarks at
once in datasets.toml.
"""

import os
from pathlib import Path
from typing import Any

from clvl_bench.core.errors import Mistake
from clvl_bench.core.files import expanded, is_file
from clvl_bench.runs.toml_files import read_toml, shown
from clvl_bench.streams import config as benchmarks

OWN_COPIES = "datasets.toml"
"""Where a user says, once for all benchmarks, where datasets lie on this machine."""


def localised(content: dict[str, Any], path: Path) -> dict[str, Any]:
    """A benchmark's content with the paths of its datasets made absolute; they count from the
    file's folder.

    Raises:
        Mistake: a path does not exist.
    """
    try:
        found: dict[str, Any] = benchmarks.localised(content, base=path.resolve().parent)
    except ValueError as error:
        raise Mistake(f"{shown(path)}: {error}") from None
    return found


def with_own_copies(content: dict[str, Any]) -> dict[str, Any]:
    """A benchmark with the user's own copies of the datasets that it names: the tables
    `[dataset.<name>]` of datasets.toml in the current folder, or of the file that CLVL_DATASETS
    names. What the benchmark says itself comes first.

    Raises:
        Mistake: the file is named and not there, or says something that is not allowed.
    """
    chosen = os.environ.get("CLVL_DATASETS")
    path = expanded(chosen or OWN_COPIES)
    if not is_file(path):
        if chosen:
            raise Mistake(
                f"CLVL_DATASETS: {chosen}: no such file; name a TOML file with tables "
                f"[dataset.<name>], or unset it"
            )
        return content
    copies = read_toml(path)
    stray = [key for key in copies if key != "dataset"]
    if stray or not isinstance(copies.get("dataset", {}), dict):
        raise Mistake(
            f"{shown(path)}: got '{(stray or ['dataset'])[0]}'; holds tables [dataset.<name>] and "
            f"nothing else"
        )
    if not isinstance(content.get("dataset", {}), dict):
        return content
    names = [content.get("reference")]
    for field in ("datasets", "zeroshot"):
        names += content[field] if isinstance(content.get(field), list) else []
    wanted = {name: table for name, table in copies.get("dataset", {}).items() if name in names}
    return {
        **content,
        "dataset": {
            **localised({"dataset": wanted}, path)["dataset"],
            **content.get("dataset", {}),
        },
    }

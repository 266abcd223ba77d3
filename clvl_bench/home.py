"""Home: the folder for what can be made again (scans, painted pictures, features). Deleting it costs time, never results."""

import os
from pathlib import Path


def home() -> Path:
    """`CLVL_HOME`, or `clvl_bench` in the user's cache folder. Nothing is created until something is kept."""
    chosen = os.environ.get("CLVL_HOME")
    if chosen:
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "clvl_bench"

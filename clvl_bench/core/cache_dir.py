"""Cache folder: for what can be made again (scans, painted pictures, features), whose loss costs
time and never results; and the place of a repository in the hub's own cache.
"""

import os
from pathlib import Path

from clvl_bench.core.files import sha256


def cache_dir() -> Path:
    """`CLVL_HOME`, or `clvl_bench` in the user's cache folder. Nothing is created until something
    is kept.
    """
    chosen = os.environ.get("CLVL_HOME")
    if chosen:
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "clvl_bench"


def cache_name(what: str) -> str:
    """The name in the cache of what is told by all that decides it."""
    return sha256(what.encode())[:32]


def hub_snapshot(repository: str, revision: str, kind: str) -> Path:
    """Where the hub cache keeps a commit of a repository (`dataset` or `model`), present or not."""
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.file_download import repo_folder_name

    name = repo_folder_name(repo_id=repository, repo_type=kind)
    folder: Path = Path(HF_HUB_CACHE) / name / "snapshots" / revision
    return folder

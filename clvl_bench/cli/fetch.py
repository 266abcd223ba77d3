"""Fetch: data and weights at their pinned commit, into the hub cache. The only module that uses the network.

A download that was interrupted goes on at the first file that is not here: the hub's client keeps whole files.
"""

from pathlib import Path

from clvl_bench import stock
from clvl_bench.errors import Missing


def fetch(name: str) -> Path:
    """Download what is not here yet, write down its hashes; returns the folder.

    Raises:
        Mistake: nobody has declared it, or it needs no download.
        Missing: the hub cannot be reached or does not have it.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    wanted = stock.find(name, verb="fetch")
    where, patterns = f"{wanted.repository} at {wanted.revision[:8]}", list(wanted.patterns)
    try:
        folder = snapshot_download(wanted.repository, revision=wanted.revision, repo_type=wanted.kind, allow_patterns=patterns)
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise Missing(f"fetch: {where} could not be downloaded ({str(error).splitlines()[0]})") from None
    stock.record(wanted)
    return Path(folder)

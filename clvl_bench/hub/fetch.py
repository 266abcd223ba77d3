"""Fetch: data and weights at their pinned commit, into the hub cache. The only module that uses the
network.

A download that was interrupted goes on at the first file that is not here: the hub's client keeps
whole files.
"""

from pathlib import Path

from clvl_bench.core.errors import Damage, Missing
from clvl_bench.core.files import file_sha256
from clvl_bench.hub import bundle


def fetch(name: str) -> Path:
    """Download what is not here yet, write down its hashes; returns the folder.

    Raises:
        Mistake: it is not declared, or it needs no download.
        Missing: the hub cannot be reached or does not have it.
        Damage: what came is not what was declared.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    wanted = bundle.find(name, verb="fetch")
    where = f"{wanted.repository} at {wanted.revision[:8]}"
    try:
        folder = snapshot_download(
            wanted.repository,
            revision=wanted.revision,
            repo_type=wanted.kind,
            allow_patterns=list(wanted.patterns),
        )
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise Missing(
            f"fetch: {where} could not be downloaded ({str(error).splitlines()[0]})"
        ) from None
    for file, expected in wanted.pinned:
        got = file_sha256(wanted.folder / file)
        if got != expected:
            raise Damage(
                f"fetch: {where}: {file}: sha256 is {got[:8]}, declared {expected[:8]}; it was not "
                f"what is published"
            )
    bundle.record(wanted)
    return Path(folder)

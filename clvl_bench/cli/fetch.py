"""Fetch: data and weights at their pinned commit, into the hub cache. The only module that uses the network."""

from pathlib import Path

from clvl_bench.config.backbones import BACKBONES
from clvl_bench.datasets import DATASETS, HubSource, OwnCopySource
from clvl_bench.errors import Missing, Mistake, unknown
from clvl_bench.readers.own_copy import as_written

MODEL_FILES = ("*.json", "*.txt", "model.safetensors", "pytorch_model.bin")


def fetch(name: str) -> Path:
    """Download what is not here yet; returns the folder.

    Raises:
        Mistake: nobody has declared it, or it needs no download.
        Missing: the hub cannot be reached or does not have it.
    """
    dataset = next((each for each in DATASETS if each.name == name), None)
    backbone = next((each for each in BACKBONES if each.name == name), None)
    if dataset is not None and isinstance(dataset.source, HubSource):
        return _download(dataset.source.repository, dataset.source.revision, "dataset", list(dataset.source.files.values()))
    if backbone is not None and backbone.repository is not None and backbone.revision is not None:
        return _download(backbone.repository, backbone.revision, "model", list(MODEL_FILES))
    if dataset is not None and isinstance(dataset.source, OwnCopySource):
        where = f"[dataset.{name}] source = {as_written(dataset.source)}"
        raise Mistake(f"fetch: {name} has no pinned download; get a copy and name it in a benchmark file: {where}")
    if dataset is not None or backbone is not None:
        raise Mistake(f"fetch: {name} comes with the package; there is nothing to fetch")
    known = [each.name for each in DATASETS if isinstance(each.source, HubSource)]
    raise Mistake(f"fetch: {unknown('dataset or backbone', name, [*known, *(b.name for b in BACKBONES if b.repository)])}")


def _download(repository: str, revision: str, kind: str, patterns: list[str]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(snapshot_download(repository, revision=revision, repo_type=kind, allow_patterns=patterns))
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise Missing(f"fetch: {repository} at {revision[:8]} could not be downloaded ({str(error).splitlines()[0]})") from None

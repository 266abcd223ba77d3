"""Hub repositories: parquet files of a pinned commit, from the local hub cache. Never opens a
socket; `fetch` does.
"""

from pathlib import Path

from clvl_bench.core.cache_dir import hub_snapshot
from clvl_bench.core.errors import Missing
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import HubSource
from clvl_bench.data.readers.npz import split_names
from clvl_bench.data.readers.parquet import read_files
from clvl_bench.data.readers.split import Split


def snapshot(source: HubSource) -> Path:
    """Where the hub cache keeps this commit, present or not."""
    return hub_snapshot(source.repository, source.revision, "dataset")


def read(dataset: ImageDataset, split: str) -> Split:
    """One split of a hub dataset.

    Raises:
        Missing: its files are not in the hub cache; says how to get them.
        Mistake, Damage: as `read_files`.
    """
    source = dataset.source
    assert isinstance(source, HubSource)
    pattern = split_names(dataset.name, source.files, split, field="files")
    files = sorted(snapshot(source).glob(pattern))
    if not files:
        raise Missing(
            f"{dataset.name}: {source.repository} ({split}) is not on this machine; where there is "
            f"network, run: clvl-bench fetch {dataset.name}"
        )
    return read_files(dataset, source, files, split)

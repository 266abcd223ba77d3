"""Hub repositories at a pinned commit, from the local hub cache. Never opens a socket; `fetch`
does.
"""

from pathlib import Path

from clvl_bench.core.cache_dir import hub_snapshot
from clvl_bench.core.errors import Missing
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import HubSource
from clvl_bench.data.catalog.vqa_sources import QuestionHubSource
from clvl_bench.data.readers.cells import Place
from clvl_bench.data.readers.hub_card import refuse_absent, split_of
from clvl_bench.data.readers.npz import split_names
from clvl_bench.data.readers.split import Split
from clvl_bench.data.readers.table import table_split
from clvl_bench.data.readers.tables import reading, tables


def snapshot(source: HubSource | QuestionHubSource) -> Path:
    """Where the hub cache keeps this commit, present or not."""
    return hub_snapshot(source.repository, source.revision, "dataset")


def place_of(where: str, source: HubSource | QuestionHubSource) -> Place:
    """Where paths in cells count from. The cache's files are links into the repository's own
    folder, two above its snapshots.
    """
    folder = snapshot(source)
    return Place(where, folder, folder.parent.parent)


def read(dataset: ImageDataset, split: str) -> Split:
    """One split of a hub dataset.

    Raises:
        Missing: its files are not in the hub cache; says how to get them.
        Mistake, Damage: as `table_split` and `split_of`.
    """
    source = dataset.source
    assert isinstance(source, HubSource)
    where = f"dataset.{dataset.name}.source"
    if not source.files:
        return _as_its_card_says(dataset, source, split, where)
    pattern = split_names(dataset.name, source.files, split, field="files")
    files = sorted(snapshot(source).glob(pattern))
    if not files:
        raise Missing(
            f"{dataset.name}: {source.repository} ({split}) is not on this machine; where there is "
            f"network, run: clvl-bench fetch {dataset.name}"
        )
    with reading(dataset.name, files, again="fetch it again"):
        return table_split(dataset, source, tables(files), split, place_of(where, source))


def _as_its_card_says(dataset: ImageDataset, source: HubSource, split: str, where: str) -> Split:
    name = split_names(dataset.name, source.splits, split)
    refuse_absent(where, source)
    found = split_of(where, snapshot(source), source.configuration, name)
    with reading(dataset.name, found.tables.files, again="download it again"):
        return table_split(
            dataset,
            source,
            found.tables,
            split,
            place_of(where, source),
            names=found.class_names(source.label),
        )

"""Hub repositories: parquet files of a pinned commit, from the local hub cache. Never opens a socket; `fetch` does."""

import json
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clvl_bench.datasets import HubSource, ImageDataset
from clvl_bench.errors import Damage, Missing
from clvl_bench.readers.encoded import encoded_split
from clvl_bench.readers.split import Split


def snapshot(source: HubSource) -> Path:
    """Where the hub cache keeps this commit, present or not."""
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.file_download import repo_folder_name

    name = repo_folder_name(repo_id=source.repository, repo_type="dataset")
    folder: Path = Path(HF_HUB_CACHE) / name / "snapshots" / source.revision
    return folder


def read(dataset: ImageDataset, split: str) -> Split:
    """One split of a hub dataset.

    Raises:
        Missing: its files are not in the hub cache; says how to get them.
        Damage: a file cannot be read, or its class names are not the declared ones.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = dataset.source
    assert isinstance(source, HubSource)
    files = sorted(snapshot(source).glob(source.files[split]))
    if not files:
        raise Missing(
            f"{dataset.name}: {source.repository} ({split}) is not on this machine; where there is network, run: "
            f"clvl-bench fetch {dataset.name}"
        )
    try:
        table = pa.concat_tables([pq.read_table(file, columns=[source.image, source.label]) for file in files])
    except (pa.ArrowException, OSError) as error:
        raise Damage(f"{dataset.name}: {files[0].parent} cannot be read as parquet ({error}); fetch it again") from None
    cells = table[source.image].combine_chunks()
    images = cells.field("bytes") if pa.types.is_struct(cells.type) else cells
    return encoded_split(
        dataset.name,
        dataset.classes,
        [f"{split}/{row}" for row in range(len(images))],
        _labels(dataset, table[source.label].to_numpy().astype(np.int64), table.schema.metadata or {}),
        lambda row: bytes(images[row].as_py()),
        files=[file.resolve() for file in files],
        policy=source.on_damage,
    )


def _labels(dataset: ImageDataset, labels: NDArray[np.int64], metadata: dict[bytes, bytes]) -> NDArray[np.int64]:
    """Label numbers in the declared order, matched by the class names that the files carry where they carry them."""
    source = dataset.source
    assert isinstance(source, HubSource)
    features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    names = features.get(source.label, {}).get("names")
    if names is None:
        return labels
    declared = [_plain(label) for label in dataset.labels]
    try:
        return np.array([declared.index(_plain(name)) for name in names], dtype=np.int64)[labels]
    except ValueError:
        raise Damage(f"{dataset.name}: its files name the classes {names}, declared are {list(dataset.labels)}") from None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())

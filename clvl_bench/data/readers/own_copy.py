"""Datasets that the user brings: there is nothing to read before a benchmark file names the
copy.
"""

import json
from typing import Any, NoReturn

from clvl_bench.core.errors import Missing
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.overlay import LAYOUT
from clvl_bench.data.catalog.sources import OwnCopySource

_SAID_BY_LAYOUT = set(LAYOUT) - {"image", "label"}


def read(dataset: ImageDataset, split: str) -> NoReturn:
    """Nothing.

    Raises:
        Missing: always; says in which layout it is published and how to name a copy.
    """
    source = dataset.source
    assert isinstance(source, OwnCopySource)
    raise Missing(
        f"{dataset.name}: {dataset.title} ({split}) has no pinned download; get a copy from its "
        f"publishers and name it in the benchmark file, for example: [dataset.{dataset.name}] "
        f"source = {as_written(source)}"
    )


def as_written(source: OwnCopySource) -> str:
    """The table that names a copy, as it stands in a benchmark file; what the published layout says
    by itself is left out.
    """
    content = source.like.model_dump(mode="json", exclude_defaults=True, exclude=_SAID_BY_LAYOUT)
    return _toml({"kind": source.like.kind, **content})


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        fields = [f"{key} = {_toml(inner)}" for key, inner in value.items()]
        return f"{{ {', '.join(fields)} }}"
    return json.dumps(value)

"""Overlay: a table of a benchmark file, laid over the declaration of the suite that has its name.

What the table does not say stays as declared: class names, labels, templates, published sizes.
Mostly it says only where one's own copy lies.
"""

from collections.abc import Mapping
from typing import Any

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.prompts import OWN
from clvl_bench.data.catalog.sources import HubSource, OwnCopySource, ParquetSource

LAYOUT = (
    "files",
    "image",
    "label",
    "labels",
    "texts",
    "splits",
    "split_sha256",
    "sha256",
    "md5",
    "folders",
    "bands",
    "white",
)
"""What is published about a layout, wherever a copy of it lies."""

DRAW = ("test_fraction", "split_seed", "split_draw")
"""What decides a published draw; a share of our own choosing is not published and is left to the
owner of a copy."""


def overlaid(declared: ImageDataset, table: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a dataset that is declared, but for what the table says otherwise.

    Class names or templates of the table's own are no longer those of a published set; another set
    replaces both.
    """
    prompts = {"labels", "classes", "templates", "prompts"}
    base = {
        name: getattr(declared, name) for name in type(declared).model_fields if name not in prompts
    }
    if "prompts" in table:
        words: dict[str, Any] = {"labels": declared.labels}
    else:
        own = "classes" in table or "templates" in table
        words = {name: getattr(declared, name) for name in prompts} | (
            {"prompts": OWN} if own else {}
        )
    fields = {**base, **words, **table}
    if isinstance(table.get("source"), dict):
        fields["source"] = {**_layout(declared, table["source"].get("kind")), **table["source"]}
    return fields


def _layout(declared: ImageDataset, kind: Any) -> dict[str, Any]:
    """The published layout, for a copy that is of the same kind: the hub's files are parquet
    wherever they lie.
    """
    source = declared.source.like if isinstance(declared.source, OwnCopySource) else declared.source
    if kind != ("parquet" if isinstance(source, HubSource) else source.kind):
        return {}
    published = LAYOUT + (
        DRAW if getattr(source, "split_draw", "each_class") == "random_split" else ()
    )
    if isinstance(source, HubSource):
        published = tuple(name for name in published if name in ParquetSource.model_fields)
    return {name: value for name, value in source.model_dump().items() if name in published}

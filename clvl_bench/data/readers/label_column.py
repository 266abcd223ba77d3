"""Label column: labels in a table, as numbers or as names, become numbers of the declared
classes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.errors import Damage, Mistake
from clvl_bench.core.files import parse_json
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.readers.class_names import known_names
from clvl_bench.data.readers.tables import Unreadable

LONGEST = 200
"""Characters that are repeated of what a file says."""


def names_in(schema: Any, column: str) -> list[str] | None:
    """The class names that an Arrow schema carries for a column, as the hub writes them; None where
    it carries none.

    Raises:
        Unreadable: it carries something else in their place.
    """
    try:
        written = parse_json((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = written.get("info", {}).get("features", {})
        names: list[str] | None = features.get(column, {}).get("names")
    except (ValueError, AttributeError) as error:
        raise Unreadable(f"what it says of its columns is no table: {error}") from None
    if names is not None and not _are_texts(names):
        raise Unreadable(f"the classes of its {column} are {names!r}, and no names"[:LONGEST])
    return names


def _are_texts(names: object) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def must_name_alike(dataset: ImageDataset, column: str, tables: Mapping[str, Any]) -> None:
    """Raises:
    Mistake: one file names its classes and another numbers them alone. Whether it means the
        numbers of the first or those of the declaration is not known.
    """
    naming: list[str] = []
    numbering: list[str] = []
    for file, table in tables.items():
        holds_names = table[column].to_numpy().dtype == object
        names_them = holds_names or names_in(table.schema, column) is not None
        if len(table):
            (naming if names_them else numbering).append(file)
    if naming and numbering:
        raise Mistake(
            f"dataset.{dataset.name}: {naming[0]} names the classes of its {column} and "
            f"{numbering[0]} only numbers them; write both alike"
        )


def label_numbers(
    dataset: ImageDataset, column: str, values: Any, names: Sequence[str] | None
) -> NDArray[np.int64]:
    """Label numbers in the declared order, matched by the names of the classes where the table
    carries them.

    Args:
        values: the column, as Arrow has it (pyarrow.ChunkedArray).
        names: what the column's numbers stand for; None: for classes in the declared order.

    Raises:
        Mistake: a label is no whole number, several, or no class.
        Damage: a name is not declared.
    """
    where = f"dataset.{dataset.name}"
    if values.null_count:
        raise Mistake(
            f"{where}: {values.null_count} of {len(values)} rows have no {column}; take them out"
        )
    cells = values.to_numpy()
    _refuse_several(where, column, cells)
    if cells.dtype.kind == "f" and not np.array_equal(cells, np.rint(cells)):
        broken = cells[cells != np.rint(cells)][0]
        raise Mistake(f"{where}: {column} holds {broken}, which is no class number")
    if cells.dtype == object and _are_numbers(dataset, cells):
        cells = cells.astype(np.int64)
    if cells.dtype == object:  # the column itself holds names
        found, cells = np.unique(cells.astype(str), return_inverse=True)
        names = found.tolist()
    labels: NDArray[np.int64] = cells.astype(np.int64)
    count = len(dataset.classes) if names is None else len(names)
    if len(labels) and not (0 <= labels.min() and labels.max() < count):
        raise Mistake(
            f"{where}: {column} runs from {labels.min()} to {labels.max()}; the "
            f"dataset declares {count} classes"
        )
    return labels if names is None else _as_declared(dataset, names, labels)


def _are_numbers(dataset: ImageDataset, cells: NDArray[Any]) -> bool:
    """Whether texts are the numbers of classes, as tables of text write them, and not names."""
    written = {str(cell) for cell in cells}
    if not all(cell.isascii() and cell.isdigit() and len(cell) < 10 for cell in written):
        return False
    known = known_names(dataset)
    return not any(known.label(cell) is not None for cell in written)


def _refuse_several(where: str, column: str, cells: NDArray[Any]) -> None:
    several = [cell for cell in cells if isinstance(cell, np.ndarray | list | dict)]
    if several:
        raise Mistake(
            f"{where}: {column} holds several labels an image, for example {several[0]}; an image "
            f"has one class here: keep rows with one, as a number or a name"
        )


def _as_declared(
    dataset: ImageDataset, names: Sequence[str], labels: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Tables number classes in an order of their own."""
    known = known_names(dataset)
    strangers = [name for name in names if known.label(name) is None]
    if strangers:
        raise Damage(
            f"{dataset.name}: its files name the classes {_some(names)}; '{strangers[0]}' is not "
            f"declared; where they mean the same, set labels in [dataset.{dataset.name}] to their "
            f"names, in the order of {_some(dataset.classes)}"
        )
    declared: NDArray[np.int64] = np.array([known.label(name) for name in names], dtype=np.int64)
    return np.take(declared, labels)


def _some(names: Iterable[str]) -> str:
    """The first six names, and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - 6} more" if len(listed) > 6 else ""
    return ", ".join(listed[:6]) + more

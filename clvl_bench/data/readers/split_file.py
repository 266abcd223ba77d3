"""Split files: published lists that say which image of a folder belongs to which split.

Two layouts: CoOp's JSON (Zhou et al. 2022), `{"train": [["Class/x.jpg", 0, "class name"], ...],
"val": ..., "test": ...}`, and text files with one file name a line, one file a split (Neumann et
al. 2019, torchgeo). A name's suffix does not count: those lists name `AnnualCrop_1.jpg` where the
folder may hold `AnnualCrop_1.tif`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple

from clvl_bench.core.errors import Damage, Missing, Mistake, unknown
from clvl_bench.core.files import file_sha256
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.readers.class_names import known_names, plain

SPLIT_NAMES: dict[str, tuple[str, ...]] = {
    "train": ("train",),
    "valid": ("valid", "val", "validation"),
    "test": ("test",),
}
"""What a split is called in folders and lists."""


class Entry(NamedTuple):
    """One line of a list: a file, and the name of its class where the list gives it."""

    file: str
    name: str | None


def entries(
    dataset: str,
    split_file: Path | dict[str, Path],
    split: str,
    *,
    pinned: Mapping[str, str] = MappingProxyType({}),
) -> list[Entry]:
    """What the list says of a split; `pinned` are the sha256 of published text files.

    Raises:
        Mistake: it has no such split.
        Damage: it cannot be read, or is not the published one.
    """
    where = f"dataset.{dataset}.source.split_file"
    tables: dict[str, Any] = (
        split_file if isinstance(split_file, dict) else _read_json(where, split_file)
    )
    name = next((name for name in SPLIT_NAMES[split] if name in tables), None)
    if name is None:
        raise Mistake(f"{where}: {unknown('split', split, tables)}")
    if isinstance(split_file, dict):
        got = file_sha256(split_file[name])
        if pinned.get(split, got) != got:
            raise Damage(
                f"{where}.{name}: '{split_file[name].name}' is not the published list: its sha256 "
                f"is {got}, published is "
                f"{pinned[split]}; get it again"
            )
        lines = split_file[name].read_text(encoding="utf-8").split("\n")
        return [Entry(line.strip(), None) for line in lines if line.strip()]
    try:
        return [Entry(str(file), str(name)) for file, _, name in tables[name]]
    except (TypeError, ValueError):
        raise Damage(
            f"{where}: '{split_file.name}' ({name}) is no list of [file, number, class name]"
        ) from None


def chosen_files(
    dataset: ImageDataset, listed: Sequence[Entry], present: Iterable[Path], *, top: Path
) -> tuple[list[Path], list[int]]:
    """The file behind each entry, and its label: its folder's where that is a class, else by the
    class name in the list.

    Raises:
        Missing: listed files are not there.
        Mistake: a file has no class, or its name stands for several files.
    """
    places = {str(PurePosixPath(file.relative_to(top)).with_suffix("")): file for file in present}
    bare = {Path(place).name: file for place, file in places.items()}
    twice = Counter(Path(place).name for place in places)
    wanted = [str(PurePosixPath(entry.file).with_suffix("")) for entry in listed]
    missing = [
        entry.file
        for entry, place in zip(listed, wanted, strict=True)
        if place not in places and place not in bare
    ]
    where = f"dataset.{dataset.name}.source.split_file"
    if missing:
        raise Missing(
            f"{where}: {len(missing)} of the {len(listed)} files that it names are not in '{top}': "
            f"{', '.join(missing[:3])}"
            f"{', ...' if len(missing) > 3 else ''}; add them, or let path be the folder that its "
            f"names count from"
        )
    for place in wanted:
        if place not in places and twice[place] > 1:
            raise Mistake(
                f"{where}: '{place}' stands for {twice[place]} files of '{top}'; name it with its "
                f"class folder"
            )
    files = [places.get(place) or bare[place] for place in wanted]
    known = known_names(dataset)
    return files, [
        _label(where, entry, file, known, top=top)
        for entry, file in zip(listed, files, strict=True)
    ]


def _label(where: str, entry: Entry, file: Path, known: dict[str, int], *, top: Path) -> int:
    folder = None if file.parent == top else file.parent.name
    for name in (folder, entry.name):
        if name is not None and plain(name) in known:
            return known[plain(name)]
    raise Mistake(
        f"{where}: '{entry.file}' is of the class '{entry.name or folder}', which is not declared; "
        "declare it or take the line out"
    )


def _read_json(where: str, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Damage(f"{where}: '{path.name}' cannot be read as JSON ({error})") from None
    if not isinstance(content, dict):
        raise Damage(f"{where}: '{path.name}' is no table of splits; expected train, val, test")
    return content

"""Split files: published lists that say which image of a folder belongs to which split.

Two layouts: CoOp's JSON (Zhou et al. 2022), `{"train": [["Class/x.jpg", 0, "class name"], ...],
"val": ..., "test": ...}`, and text files with one file name a line, one file a split (Neumann et
al. 2019, torchgeo), which the number of its class may follow (`Class/x.jpg 3`: DomainNet, CORe50).
A name's suffix does not count: those lists name `AnnualCrop_1.jpg` where the folder may hold
`AnnualCrop_1.tif`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath, PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple

from clvl_bench.core.errors import Damage, Missing, Mistake, unknown
from clvl_bench.core.files import file_sha256, read_json, read_text
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.readers.class_names import KnownNames, known_names

SPLIT_NAMES: dict[str, tuple[str, ...]] = {
    "train": ("train",),
    "valid": ("valid", "val", "validation"),
    "test": ("test",),
}
"""What a split is called in folders and lists."""


_NUMBERED = re.compile(r"(.+\.\w+)\s+(\d+)")
"""A file name with its suffix, and a number apart: `clipart/bat/clipart_020_000001.jpg 20`."""


class Entry(NamedTuple):
    """One line of a list: a file, and the name or the number of its class where the list gives
    it.
    """

    file: str
    name: str | None
    number: int | None = None


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
    if isinstance(split_file, dict):
        name = _name_of(split, split_file, where)
        return _of_text(f"{where}.{name}", split_file[name], pinned.get(split))
    content = _read_json(where, split_file)
    name = _name_of(split, content, where)
    try:
        return [Entry(str(file), str(class_name)) for file, _, class_name in content[name]]
    except (TypeError, ValueError):
        raise Damage(
            f"{where}: '{split_file.name}' ({name}) is no list of [file, number, class name]"
        ) from None


def _name_of(split: str, lists: Mapping[str, object], where: str) -> str:
    """What the lists call a split."""
    for name in SPLIT_NAMES[split]:
        if name in lists:
            return name
    raise Mistake(f"{where}: {unknown('split', split, lists)}")


def _of_text(where: str, file: Path, published: str | None) -> list[Entry]:
    """The entries of a text file, one a line, if its sha256 is the published one."""
    try:
        got = file_sha256(file)
        lines = [line.strip() for line in read_text(file).split("\n")]
    except (OSError, UnicodeDecodeError) as error:
        raise Damage(f"{where}: '{file.name}' cannot be read as text ({error})") from None
    if published not in (None, got):
        raise Damage(
            f"{where}: '{file.name}' is not the published list: its sha256 is {got}, published is "
            f"{published}; get it again"
        )
    return [_entry(line) for line in lines if line]


def _entry(line: str) -> Entry:
    numbered = _NUMBERED.fullmatch(line)
    if numbered is None:
        return Entry(line, None)
    return Entry(numbered[1], None, int(numbered[2]))


def chosen_files(
    dataset: ImageDataset, listed: Sequence[Entry], present: Iterable[Path], *, top: Path
) -> tuple[list[Path], list[int]]:
    """The file behind each entry, and its label: its folder's where that is a class, else by the
    class name in the list.

    Raises:
        Missing: listed files are not there.
        Mistake: a file has no class, or its name stands for several files.
    """
    where = f"dataset.{dataset.name}.source.split_file"
    called = _tables_of_names(present, top=top)
    files = []
    missing = []
    ambiguous = []
    for entry in listed:
        found = _files_called(entry.file, called)
        if not found:
            missing.append(entry.file)
        elif len(found) > 1:
            ambiguous.append((entry.file, len(found)))
        else:
            files.append(found[0])
    if missing:
        some = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise Missing(
            f"{where}: {len(missing)} of the {len(listed)} files that it names are not in '{top}': "
            f"{some}; add them, or let path be the folder that its names count from"
        )
    if ambiguous:
        name, count = ambiguous[0]
        raise Mistake(
            f"{where}: '{name}' stands for {count} files of '{top}'; name it with its class folder "
            f"and its suffix"
        )
    known = known_names(dataset)
    labels = []
    for entry, file in zip(listed, files, strict=True):
        labels.append(_label(where, entry, file, known, top=top))
    return files, labels


def _tables_of_names(present: Iterable[Path], *, top: Path) -> list[dict[str, list[Path]]]:
    """The files by what a list may call them: with their class folder (`Class/x.png`) or without
    (`x.png`), with their suffix or without. The fuller name comes first, since `x.png` and `x.jpg`
    may be two images.
    """
    full: dict[str, list[Path]] = {}
    without_suffix: dict[str, list[Path]] = {}
    name: dict[str, list[Path]] = {}
    bare: dict[str, list[Path]] = {}
    for file in present:
        path = PurePosixPath(file.relative_to(top))
        full.setdefault(str(path), []).append(file)
        without_suffix.setdefault(_without_suffix(path), []).append(file)
        name.setdefault(path.name, []).append(file)
        bare.setdefault(path.stem, []).append(file)
    return [full, without_suffix, name, bare]


def _files_called(name: str, tables: Sequence[dict[str, list[Path]]]) -> list[Path]:
    """The files of the first table that knows the name; then, as lists may give another suffix than
    a copy has, of the first that knows it without its suffix.
    """
    for spelling in (name, _without_suffix(name)):
        for table in tables:
            if spelling in table:
                return table[spelling]
    return []


def _without_suffix(file: str | PurePath) -> str:
    return str(PurePosixPath(file).with_suffix(""))


def _label(where: str, entry: Entry, file: Path, known: KnownNames, *, top: Path) -> int:
    """The class of an entry: its folder where that is a class, else the name in the list.

    Raises:
        Mistake: neither is a class, or they are two different ones, or the number in the list is of
            another one.
    """
    folder = None if file.parent == top else file.parent.name
    of_folder = None if folder is None else known.label(folder)
    of_name = None if entry.name is None else known.label(entry.name)
    if of_folder is None and of_name is None:
        raise Mistake(
            f"{where}: '{entry.file}' is of the class '{entry.name or folder}', which is not "
            f"declared; declare it or take the line out"
        )
    if None not in (of_folder, of_name) and of_folder != of_name:
        raise Mistake(
            f"{where}: '{entry.file}' is of the class '{entry.name}' in the list and lies in the "
            f"folder of the class '{folder}'; correct one of them"
        )
    label = of_folder if of_folder is not None else of_name
    assert label is not None
    if entry.number not in (None, label):
        raise Mistake(
            f"{where}: '{entry.file}' has the number {entry.number} in the list and is of class "
            f"{label} here; declare the classes in the order of the list's numbers"
        )
    return label


def _read_json(where: str, path: Path) -> dict[str, Any]:
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise Damage(f"{where}: '{path.name}' cannot be read as JSON ({error})") from None
    if not isinstance(content, dict):
        raise Damage(f"{where}: '{path.name}' is no table of splits; expected train, val, test")
    return content

"""Split files: published lists that say which image of a folder belongs to which split.

Two layouts: CoOp's JSON (Zhou et al. 2022), `{"train": [["Class/x.jpg", 0, "class name"], ...],
"val": ..., "test": ...}`, and text files with one file name a line, one file a split (Neumann et
al. 2019, torchgeo). A name's suffix does not count: those lists name `AnnualCrop_1.jpg` where the
folder may hold `AnnualCrop_1.tif`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath, PurePosixPath
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
    got = file_sha256(file)
    if published not in (None, got):
        raise Damage(
            f"{where}: '{file.name}' is not the published list: its sha256 is {got}, published is "
            f"{published}; get it again"
        )
    lines = [line.strip() for line in file.read_text(encoding="utf-8").split("\n")]
    return [Entry(line, None) for line in lines if line]


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
    # A list names files with their class folder (`Class/x`) or without (`x`), and a name's suffix
    # does not count.
    by_path = {_without_suffix(file.relative_to(top)): file for file in present}
    by_name = {Path(path).name: file for path, file in by_path.items()}
    files_called = Counter(Path(path).name for path in by_path)
    files = []
    missing = []
    ambiguous = []
    for entry in listed:
        path = _without_suffix(entry.file)
        if path in by_path:
            files.append(by_path[path])
        elif path not in by_name:
            missing.append(entry.file)
        elif files_called[path] > 1:
            ambiguous.append(path)
        else:
            files.append(by_name[path])
    if missing:
        some = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise Missing(
            f"{where}: {len(missing)} of the {len(listed)} files that it names are not in '{top}': "
            f"{some}; add them, or let path be the folder that its names count from"
        )
    if ambiguous:
        path = ambiguous[0]
        raise Mistake(
            f"{where}: '{path}' stands for {files_called[path]} files of '{top}'; name it with its "
            f"class folder"
        )
    known = known_names(dataset)
    labels = []
    for entry, file in zip(listed, files, strict=True):
        labels.append(_label(where, entry, file, known, top=top))
    return files, labels


def _without_suffix(file: str | PurePath) -> str:
    return str(PurePosixPath(file).with_suffix(""))


def _label(where: str, entry: Entry, file: Path, known: dict[str, int], *, top: Path) -> int:
    """The class of an entry: its folder where that is a class, else the name in the list."""
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

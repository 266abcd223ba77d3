"""Image folders: `split/Class/*`, or `Class/*` with a stated share for testing or a published
list.
"""

import itertools
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clvl_bench.core.errors import Mistake, unknown
from clvl_bench.core.rng import seed_of
from clvl_bench.data.catalog.declaration import ImageDataset, is_split_folder
from clvl_bench.data.catalog.sources import FolderSource
from clvl_bench.data.readers.encoded import Choice, encoded_split, file_bytes, key_of, leaves
from clvl_bench.data.readers.split import Split
from clvl_bench.data.readers.split_file import SPLIT_NAMES, chosen_files, entries

SUFFIXES = {
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".png",
    ".tif",
    ".tiff",
    ".bmp",
    ".webp",
    ".gif",
    ".ppm",
}
NOT_READ = {
    ".avif",
    ".heic",
    ".heif",
    ".jp2",
    ".jxl",
    ".pgm",
    ".pnm",
    ".tga",
    ".svg",
    ".eps",
    ".dcm",
}
"""Pictures, too, but of formats that are not read here: they are refused, not left out."""


def read(dataset: ImageDataset, split: str) -> Split:
    """One split of an image folder.

    Raises:
        Missing: files that a split file names are not there.
        Mistake: no such split, or class folders that do not fit the declared classes.
        Damage: images cannot be decoded.
    """
    source = dataset.source
    assert isinstance(source, FolderSource)
    if source.split_file is not None:
        listed = entries(dataset.name, source.split_file, split, pinned=source.split_sha256)
        present = _images(dataset, source.path, _visible(source.path))
        files, labels = chosen_files(dataset, listed, present, top=source.path)
        return _encoded(dataset, source, files, labels)
    published = _split_folder(source, split)
    top = published or source.path
    if published is None:
        _must_have_rule(dataset.name, source, split)
    folders = _class_folders(dataset, top)
    files = []
    for folder in folders:
        visible = _visible(folder)
        _refuse_unread(dataset, visible)
        files += _images(dataset, folder, visible)
    if source.split_draw == "random_split":
        files.sort()  # what is drawn are positions in this order
    labels = [folders.index(top / file.relative_to(top).parts[0]) for file in files]

    def choose(labels: NDArray[np.int64], hashes: Sequence[str]) -> NDArray[np.bool_]:
        fraction = source.test_fraction or 0.0
        seed = source.split_seed
        if source.split_draw == "random_split":
            testing = drawn_by_torch(len(labels), fraction=fraction, seed=seed)
        else:
            testing = drawn_for_testing(labels, hashes, fraction=fraction, seed=seed)
        return testing if split == "test" else ~testing

    return _encoded(dataset, source, files, labels, choose=None if published else choose)


def drawn_for_testing(
    labels: NDArray[np.int64], hashes: Sequence[str], *, fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Which samples the rule puts into the test split: of each class the same share, drawn by
    content, so that neither file names nor order matter and copies of an image fall on the same
    side.
    """
    rank = np.array([seed_of("test split", seed, identity) for identity in hashes], dtype=np.int64)
    testing = np.zeros(len(labels), dtype=np.bool_)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        by_rank = rows[np.argsort(rank[rows], kind="stable")]
        testing[by_rank[: round(fraction * len(rows))]] = True
    return testing


def drawn_by_torch(count: int, *, fraction: float, seed: int) -> NDArray[np.bool_]:
    """Which samples `torch.utils.data.random_split` puts into the second of two parts, for
    published splits of that kind.
    """
    import torch  # takes seconds, and only this rule needs it

    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(count, generator=generator).numpy()
    testing = np.zeros(count, dtype=np.bool_)
    testing[order[int((1 - fraction) * count) :]] = True
    return testing


def _encoded(
    dataset: ImageDataset,
    source: FolderSource,
    files: Sequence[Path],
    labels: Sequence[int],
    *,
    choose: Choice | None = None,
) -> Split:
    return encoded_split(
        dataset.name,
        dataset.classes,
        [key_of(file.relative_to(source.path)) for file in files],
        np.array(labels, dtype=np.int64),
        lambda row: file_bytes(files[row]),
        files=files,
        policy=source.on_damage,
        rendering=source.render,
        choose=choose,
    )


def _visible(folder: Path) -> list[Path]:
    """What lies below a folder, in the order of its names, without what is hidden or lies in a
    hidden folder: what notebooks and file managers put beside pictures are copies of them.
    """
    return [file for file in sorted(folder.rglob("*")) if not _hidden(file.relative_to(folder))]


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _images(dataset: ImageDataset, folder: Path, visible: Sequence[Path]) -> list[Path]:
    """The image files of what is visible below a folder of the dataset.

    Raises:
        Mistake: one of them, or the folder, is a link that leaves the folder: the maker of a copy
            must not choose which other files of this machine are read. Or a folder in it is a
            link, which is not followed.
    """
    assert isinstance(dataset.source, FolderSource)
    top = dataset.source.path
    files = []
    for path in (folder, *visible):
        where = f"dataset.{dataset.name}.source: '{key_of(path.relative_to(top))}'"
        is_link = path.is_symlink()
        if is_link and leaves(path, top):
            raise Mistake(f"{where} is a link that leaves the folder; put a copy in its place")
        if is_link and path != folder and path.is_dir():
            raise Mistake(
                f"{where} is a link to a folder, whose images would be left out; put a copy in "
                f"its place"
            )
        if path.suffix.lower() in SUFFIXES and not path.is_dir():
            files.append(path)
    return files


def _refuse_unread(dataset: ImageDataset, visible: Sequence[Path]) -> None:
    """Raises:
    Mistake: a class folder holds pictures of formats that are not read: they would be left out.
    """
    assert isinstance(dataset.source, FolderSource)
    unread = [file for file in visible if file.suffix.lower() in NOT_READ]
    if unread:
        first = unread[0].relative_to(dataset.source.path)
        raise Mistake(
            f"dataset.{dataset.name}.source: '{first}' is of a format that is not read, as are "
            f"{len(unread) - 1} more of its folder; convert them to .png, or move them away"
        )


def _split_folder(source: FolderSource, split: str) -> Path | None:
    """The folder of a split, where the dataset is published with one."""
    called = (source.folders[split],) if split in source.folders else SPLIT_NAMES[split]
    for name in called:
        folder = source.path / name
        if is_split_folder(folder):
            return folder
    return None


def _must_have_rule(name: str, source: FolderSource, split: str) -> None:
    known = itertools.chain.from_iterable(SPLIT_NAMES.values())
    present = [folder for folder in known if is_split_folder(source.path / folder)]
    if present:
        raise Mistake(
            f"dataset.{name}.source: '{source.path}' has the splits {', '.join(present)}, but no "
            f"{split}"
        )
    if source.test_fraction is None:
        raise Mistake(
            f"dataset.{name}.source: '{source.path}' has no folders train and test; "
            "set test_fraction, for example test_fraction = 0.2, or name a split_file"
        )


def _class_folders(dataset: ImageDataset, top: Path) -> list[Path]:
    labels = dataset.labels or dataset.classes
    folders = [folder for folder in top.iterdir() if folder.is_dir()]
    present = sorted(folder.name for folder in folders if not folder.name.startswith("."))
    # Some file systems keep names in another Unicode form than the one that was typed.
    called = {label: _folder_called(label, present) for label in labels}
    for label, folder in called.items():
        if folder is None:
            raise Mistake(
                f"dataset.{dataset.name}.classes: {unknown('class folder', label, present)}"
            )
    extra = [name for name in present if name not in called.values()]
    if extra:
        raise Mistake(
            f"dataset.{dataset.name}.classes: the folder '{extra[0]}' is not among them; add it or "
            f"move it away"
        )
    return [top / str(called[label]) for label in labels]


def _folder_called(label: str, present: Sequence[str]) -> str | None:
    """The folder of this name, in whatever Unicode form; None where none or several are."""
    if label in present:
        return label
    composed = unicodedata.normalize("NFC", label)
    found = [name for name in present if unicodedata.normalize("NFC", name) == composed]
    return found[0] if len(found) == 1 else None

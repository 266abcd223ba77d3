"""Hub bundle: the data and weights of the hub that are on this machine, at their pinned commits,
with a manifest of their hashes; and how they travel to a machine without network, as one archive.

An archive is an uncompressed tar whose first member is its manifest. Nothing in it is trusted but
what the manifest's hashes confirm: names that leave the cache, links, devices, files that the
manifest does not list and repositories that this version does not declare are refused.
"""

import io
import os
import re
import tarfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from clvl_bench.backbones.answerers.catalog import ANSWERERS
from clvl_bench.backbones.catalog import BACKBONES, folder_of
from clvl_bench.core.errors import Damage, Missing, Mistake, unknown
from clvl_bench.core.files import (
    file_sha256,
    parse_json,
    temporary_name,
    to_json,
    write_atomically,
)
from clvl_bench.data.catalog.listing import DATASETS
from clvl_bench.data.catalog.sources import HubSource, OwnCopySource
from clvl_bench.data.readers.hub import snapshot
from clvl_bench.data.readers.own_copy import as_written

MANIFEST = "manifest.json"
_OF_SEVERAL = re.compile(r"-\d+-of-(?P<count>\d+)")
"""How the hub numbers the parts of a table or of weights."""


@dataclass(frozen=True)
class Holding:
    """A repository at its pinned commit, here or not."""

    name: str
    kind: Literal["dataset", "model"]
    repository: str
    revision: str
    licence: str
    folder: Path
    patterns: tuple[str, ...]
    pinned: tuple[tuple[str, str], ...] = ()
    """Files whose sha256 was declared beforehand."""

    @property
    def files(self) -> list[Path]:
        """Its files on this machine, by their path below `folder`, sorted."""
        found: set[Path] = set()  # patterns may overlap
        for pattern in self.patterns:
            found |= set(self.folder.glob(pattern))
        return sorted(path.relative_to(self.folder) for path in found if path.is_file())

    @property
    def manifest(self) -> Path:
        """Where the hashes of its files are kept: beside the snapshots, so that it goes wherever
        the cache goes.
        """
        return self.folder.parent.parent / f"clvl_bench-{self.revision}.json"


def holdings() -> list[Holding]:
    """Everything declared that comes from the hub."""
    return [*_datasets(), *_models()]


def _datasets() -> list[Holding]:
    found = []
    for dataset in DATASETS:
        if not isinstance(dataset.source, HubSource):
            continue
        found.append(
            Holding(
                name=dataset.name,
                kind="dataset",
                repository=dataset.source.repository,
                revision=dataset.source.revision,
                licence=dataset.licence,
                folder=snapshot(dataset.source),
                patterns=tuple(dataset.source.files.values()),
            )
        )
    return found


def _models() -> list[Holding]:
    found = []
    for model in (*BACKBONES, *ANSWERERS):
        if model.repository is None or model.revision is None:
            continue
        found.append(
            Holding(
                name=model.name,
                kind="model",
                repository=model.repository,
                revision=model.revision,
                licence=model.licence,
                folder=folder_of(model),
                patterns=model.files,
                pinned=() if model.sha256 is None else ((model.weights, model.sha256),),
            )
        )
    return found


def find(name: str, *, verb: str) -> Holding:
    """The holding of that name.

    Raises:
        Mistake: it is not declared, or it needs no download.
    """
    known = {each.name: each for each in holdings()}
    if name in known:
        return known[name]
    datasets = {each.name: each for each in DATASETS}
    backbones = {each.name: each for each in BACKBONES}
    source = datasets[name].source if name in datasets else None
    if isinstance(source, OwnCopySource):
        where = f"[dataset.{name}] source = {as_written(source)}"
        raise Mistake(
            f"{verb}: {name} has no pinned download; get a copy and name it in a benchmark file: "
            f"{where}"
        )
    if name in backbones and not backbones[name].embedded:
        raise Mistake(f"{verb}: {name} has no pinned download: {backbones[name].how_to_get}")
    if name in datasets or name in backbones:
        raise Mistake(f"{verb}: {name} comes with the package; there is nothing to fetch")
    raise Mistake(f"{verb}: {unknown('dataset, backbone or answerer', name, known)}")


def record(holding: Holding) -> None:
    """Write down the hashes of a holding's files, as they are now."""
    write_atomically(holding.manifest, to_json(_hashes(holding)))


def _hashes(holding: Holding) -> dict[str, str | None]:
    return {path.as_posix(): sha256_of(holding.folder / path) for path in holding.files}


def recorded(holding: Holding) -> dict[str, str]:
    """The hashes that were written down when it came, if it did.

    Raises:
        ValueError: the file that has them is damaged.
    """
    known: dict[str, str] = {}
    with suppress(FileNotFoundError):
        known = parse_json(holding.manifest.read_bytes())
    return known


def is_whole(holding: Holding) -> bool:
    """Whether it was fetched or unpacked, and each file is as it was then."""
    return holding.manifest.is_file() and not damaged(holding) and not _unmatched(holding)


def _unmatched(holding: Holding) -> list[str]:
    """Patterns of a dataset of which nothing is here. Of a model some are of files that it may not
    have.
    """
    patterns = holding.patterns if holding.kind == "dataset" else ()
    return [each for each in patterns if not any(holding.folder.glob(each))]


def fits(name: str, pattern: str) -> bool:
    """Whether a path is of a pattern; a star stands for a part of one name."""
    names = name.split("/")
    patterns = pattern.split("/")
    return len(names) == len(patterns) and all(map(fnmatchcase, names, patterns))


def damaged(holding: Holding, hashed: Mapping[str, str | None] | None = None) -> list[str]:
    """The files whose content is not what was declared or fetched, and those that are gone.

    Args:
        hashed: sha256 of files that were read just now, and are not read again.
    """
    try:
        known = recorded(holding)
    except ValueError:
        return [holding.manifest.name]
    # What was declared beforehand overrules what was written down after the download.
    known |= holding.pinned
    hashed = hashed or {}
    wrong = []
    for name, expected in known.items():
        got = hashed[name] if name in hashed else sha256_of(holding.folder / name)
        if got != expected:
            wrong.append(name)
    return wrong


def pack(names: Sequence[str], archive: Path) -> int:
    """Write holdings into one archive; returns how many files.

    Raises:
        Mistake: a name is not known, or the archive cannot be written.
        Missing: one of them is not here, or in part.
        Damage: a file is not what was declared or fetched.
    """
    wanted = [find(name, verb="pack") for name in names]
    inside: dict[str, Path] = {}
    about: dict[str, dict[str, str]] = {}
    hashes: dict[str, str | None] = {}
    for holding in wanted:
        # Names in an archive are those of the hub cache.
        top = f"{holding.folder.parent.parent.name}/snapshots/{holding.revision}"
        for name, sha256 in _hashes_if_whole(holding).items():
            inside[f"{top}/{name}"] = holding.folder / name
            hashes[f"{top}/{name}"] = sha256
        about[holding.name] = {"repository": holding.repository, "licence": holding.licence}
    _write_archive(archive, {"files": hashes, "holdings": about}, inside)
    return len(inside)


def _hashes_if_whole(holding: Holding) -> dict[str, str | None]:
    """The hashes of a holding's files. Behind the firewall it would be too late to find that
    something is not there.

    Raises:
        Missing, Damage: as `pack`.
    """
    again = f"with network, run: clvl-bench fetch {holding.name}"
    if not holding.files:
        raise Missing(f"pack: {holding.name} is not on this machine; {again}")
    lacking = [*_unmatched(holding), *_parts_lacking(holding)]
    if lacking:
        raise Missing(f"pack: {holding.name} is here in part, without {lacking[0]}; {again}")
    hashed = _hashes(holding)
    wrong = damaged(holding, hashed)
    if wrong:
        raise Damage(
            f"pack: {holding.name}: {wrong[0]} is not what was declared or fetched; {again}"
        )
    return hashed


def _parts_lacking(holding: Holding) -> list[str]:
    """Parts that must be there by the numbers in the names of the others, where nothing was written
    down when they came.
    """
    numbered = (_OF_SEVERAL.search(path.as_posix()) for path in holding.files)
    parts = Counter((each.string[: each.start()], each["count"]) for each in numbered if each)
    return [
        f"{int(count) - here} of {start}-*-of-{count}*"
        for (start, count), here in parts.items()
        if here < int(count)
    ]


def _write_archive(archive: Path, manifest: dict[str, Any], inside: dict[str, Path]) -> None:
    temporary = archive.with_name(temporary_name())
    try:
        with tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT) as tar:
            data = to_json(manifest)
            tar.addfile(_member(MANIFEST, len(data)), io.BytesIO(data))
            for name, path in inside.items():
                with open(path, "rb") as file:
                    tar.addfile(_member(name, path.stat().st_size), file)
        os.replace(temporary, archive)
    except OSError as error:
        raise Mistake(
            f"pack: {archive}: cannot be written ({error.strerror}); choose another place with --to"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


def _member(name: str, size: int) -> tarfile.TarInfo:
    """A member without owner or date: the same files make the same archive."""
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o644
    return member


def sha256_of(path: Path) -> str | None:
    """The hash of a file, or None where there is none."""
    try:
        return file_sha256(path)
    except OSError:
        return None

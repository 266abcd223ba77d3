"""Folders: the files of a model on disk, by their hashes, compared with what was declared or
recorded before any is read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clvl_bench.backbones.catalog import BACKBONES, LITE0, BackboneDeclaration, folder_of
from clvl_bench.core.errors import Damage
from clvl_bench.core.files import file_sha256, parse_json, sha256, to_json

WEIGHTS = (
    "model.safetensors",
    "pytorch_model.bin",
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
)
"""What a folder's weights may be called; the module that reads it says in `FILES` which of them it
reads first."""
SECOND_TOWERS = (LITE0,)
"""Weights of another tower, which lie beside those or in a package of their own."""
CONFIG = "config.json"
OPEN_CLIP_CONFIG = "open_clip_config.json"
OTHERS = (CONFIG, OPEN_CLIP_CONFIG, "preprocessor_config.json", "processor_config.json")
TOKENIZERS = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "spiece.model",
)
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Opened:
    """A folder whose files are what was recorded of them: their hashes by name, and the family of
    its weights.
    """

    folder: Path
    hashes: Mapping[str, str]
    family: str

    def weights_sha256(self, files: Sequence[str], *, what: str) -> str:
        """The hash of the first of these files that is there; where a second tower has weights of
        its own, one hash of both.

        Raises:
            Damage: none is; `what` is whose they are.
        """
        second = {name: self.hashes[name] for name in SECOND_TOWERS if name in self.hashes}
        for name in files:
            if name in self.hashes:
                first = self.hashes[name]
                return sha256(to_json({name: first, **second})) if second else first
        raise Damage(f"{what}: {self.folder} has none of {', '.join(files)}")

    def files_sha256(self, weights_sha256: str) -> str:
        """One hash of all that decides numbers: those weights, and every other file but weights.
        The same weights under another configuration or tokenizer are another model.
        """
        beside = {name: of for name, of in self.hashes.items() if name not in WEIGHTS}
        return sha256(to_json({"weights": weights_sha256, "files": beside}))


def opened(folder: Path, declared: BackboneDeclaration | None) -> Opened:
    """The files of a folder, of a declared model or of a user's own.

    Raises:
        Damage: a file is not what its manifest or the declaration says.
    """
    hashes = file_hashes(folder)
    manifest = _manifest(folder)
    _compare(hashes, manifest.get("files", {}), folder)
    if declared is None:
        return Opened(folder, hashes, manifest.get("family", "local folder"))
    _compare(hashes, {file.name: file.sha256 for file in declared.packaged}, folder)
    if declared.sha256 is not None:
        _compare(hashes, {declared.weights: declared.sha256}, folder)
    return Opened(folder, hashes, declared.family)


def file_hashes(folder: Path) -> dict[str, str]:
    """sha256 of every file of a backbone that decides its numbers."""
    hashes = {}
    for name in (*WEIGHTS, *SECOND_TOWERS, *OTHERS, *TOKENIZERS):
        path = path_of(folder, name)
        if path.is_file():
            hashes[name] = file_sha256(path)
    return hashes


def path_of(folder: Path, name: str) -> Path:
    """Where a file of a backbone lies: in its folder, or, where that is a package's, perhaps in
    another package.
    """
    for declared in BACKBONES:
        for file in declared.packaged:
            if file.name == name and file.location is not None and folder == folder_of(declared):
                return file.location
    return folder / name


def read_json(path: Path) -> dict[str, Any]:
    """The table in a file.

    Raises:
        Damage: there is none.
    """
    try:
        content = parse_json(path.read_bytes())
        if not isinstance(content, dict):
            raise ValueError("it holds no table")
    except (OSError, ValueError) as error:
        raise Damage(f"{path}: cannot be read ({str(error).splitlines()[0]})") from None
    return content


def _manifest(folder: Path) -> dict[str, Any]:
    """Names, hashes and origin of the files, where the maker of the folder wrote them down."""
    if not (folder / MANIFEST).is_file():
        return {}
    content = read_json(folder / MANIFEST)
    # Other programs write files of that name, too: without a table of files it is not ours.
    return content if isinstance(content.get("files"), dict) else {}


def _compare(actual: Mapping[str, str], recorded: Mapping[str, str], folder: Path) -> None:
    for name, expected in recorded.items():
        if actual.get(name) != expected:
            got = actual.get(name, "nothing")[:8]
            raise Damage(
                f"{path_of(folder, name)}: sha256 is {got}, recorded {expected[:8]}; install, "
                f"fetch or import it again"
            )

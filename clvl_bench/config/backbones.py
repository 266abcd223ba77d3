"""Backbones by name: pinned weights, their size and licence. Any folder in transformers' layout works by its path too."""

from pathlib import Path

import clvl_bench
from clvl_bench.errors import Mistake, unknown
from clvl_bench.home import hub_snapshot
from clvl_bench.strict import Strict


class BackboneDeclaration(Strict):
    """Weights at one commit of a repository, or, without a repository, those that come with the package."""

    name: str
    title: str
    family: str
    repository: str | None = None
    revision: str | None = None
    parameters_m: float
    download_mb: float
    licence: str
    image_size: int


BACKBONES: tuple[BackboneDeclaration, ...] = (
    BackboneDeclaration(
        name="tiny", title="embedded toy CLIP", family="clvl_bench toy", parameters_m=0.8, download_mb=0.0, licence="MIT",
        image_size=40,
    ),
    BackboneDeclaration(
        name="clip-vit-base-patch32", title="OpenAI CLIP ViT-B/32", family="OpenAI", repository="openai/clip-vit-base-patch32",
        revision="3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268", parameters_m=151.3, download_mb=605.0, licence="not stated",
        image_size=224,
    ),
    BackboneDeclaration(
        name="clip-vit-base-patch16", title="OpenAI CLIP ViT-B/16", family="OpenAI", repository="openai/clip-vit-base-patch16",
        revision="57c216476eefef5ab752ec549e440a49ae4ae5f3", parameters_m=149.6, download_mb=599.0, licence="not stated",
        image_size=224,
    ),
    BackboneDeclaration(
        name="clip-vit-large-patch14", title="OpenAI CLIP ViT-L/14", family="OpenAI",
        repository="openai/clip-vit-large-patch14", revision="32bd64288804d66eefd0ccbe215aa642df71cc41",
        parameters_m=427.6, download_mb=1710.0, licence="not stated", image_size=224,
    ),
)  # fmt: skip


def assets() -> Path:
    """The folder of the embedded weights."""
    return Path(clvl_bench.__file__).parent / "assets" / "tiny-clip"


def folder_of(declared: BackboneDeclaration) -> Path:
    """Where the files of a declared backbone lie, present or not."""
    if declared.repository is None or declared.revision is None:
        return assets()
    return hub_snapshot(declared.repository, declared.revision, "model")


def find(name: str) -> BackboneDeclaration | Path:
    """A declared backbone, or the folder that `name` is the path of.

    Raises:
        Mistake: it is neither.
    """
    for backbone in BACKBONES:
        if name in (backbone.name, backbone.repository):
            return backbone
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if name.startswith((".", "/", "~")):
        raise Mistake(f"backbone '{name}': no such folder; give a folder in transformers' layout")
    raise Mistake(unknown("backbone", name, (backbone.name for backbone in BACKBONES)))

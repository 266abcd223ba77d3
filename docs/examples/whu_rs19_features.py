"""WHU-RS19: the published features of four models as the arrays that the suite reads.

    git clone https://github.com/elkhouryk/RS-TransCLIP
    git -C RS-TransCLIP checkout a766b4d94314b96f73d51505ddff0697af3f5d00
    python whu_rs19_features.py RS-TransCLIP/results/WHURS19 whu_rs19

Of each model it reads images.pt, classes.pt and one texts_PROMPT.pt for each of the 106 prompts, as
tensors and nothing else (`weights_only=True`), and writes them without change of values. No hash is
compared here: whoever reads the arrays compares theirs with those of the declaration."""

import sys
from pathlib import Path

import numpy as np
import torch

from clvl_bench.data.catalog.listing import find
from clvl_bench.data.catalog.prompts import prompts_of
from clvl_bench.data.catalog.sources import BackboneFeaturesSource, OwnCopySource

FOLDERS = {
    "clip-vit-base-patch32": "CLIP/ViT-B-32",
    "clip-vit-large-patch14": "CLIP/ViT-L-14",
    "remoteclip-vit-base-patch32": "RemoteCLIP/ViT-B-32",
    "georsclip-vit-base-patch32": "GeoRSCLIP/ViT-B-32",
}


def tensor(path: Path) -> np.ndarray:
    """The one tensor of a .pt file; most were saved on a GPU."""
    loaded: torch.Tensor = torch.load(path, weights_only=True, map_location="cpu")
    return loaded.numpy()


def convert(published: Path, out: Path) -> None:
    """Write labels.npy and a .npz file for each model into the folder `out`."""
    source = find("whu_rs19").source
    assert isinstance(source, OwnCopySource)
    assert isinstance(source.like, BackboneFeaturesSource)
    out.mkdir(parents=True, exist_ok=True)
    labels = None
    for backbone, folder in FOLDERS.items():
        texts = []
        for template in prompts_of(source.like.texts, "whu_rs19").templates:
            prompt = template.removesuffix(" {}.").replace(" ", "_")
            texts.append(tensor(published / folder / f"texts_{prompt}.pt"))
        images = tensor(published / folder / "images.pt")
        np.savez_compressed(out / source.like.files[backbone], images=images, texts=np.stack(texts))
        of_this = tensor(published / folder / "classes.pt")
        if labels is not None and not np.array_equal(labels, of_this):
            sys.exit(f"{folder}: its samples come in another order than those of the others")
        labels = of_this
    np.save(out / source.like.labels, labels)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))

"""The sets of class-incremental learning that PROOF published figures on (Zhou et al. 2025, TPAMI;
arXiv:2305.19270), but for CIFAR-100, which is the whole one under the same names.

They are samples of the original datasets in class folders, `train/Class/*` and `test/Class/*`,
given out as archives; class names and templates stand in the repository's `labels.json` and
`templates.json`, in the order of the sorted class folders. Labels are the folders of CUB, Food-101
and ImageNet-R as those datasets are published; of the other sets, whose folders no page lists, they
are PROOF's own names: where a copy calls them otherwise, it says so in `labels`. Sizes are nowhere
stated, so none is declared.
"""

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import FolderSource, OwnCopySource

_ORIGINALS = {
    "aircraft": ("FGVC-Aircraft", "Maji et al. 2013 (arXiv:1306.5151)"),
    "cars": ("Stanford Cars, the first 100 classes", "Krause et al. 2013"),
    "cub": ("CUB-200-2011", "Wah et al. 2011, The Caltech-UCSD Birds-200-2011 dataset"),
    "food101": ("Food-101, the first 100 classes", "Bossard et al. 2014, Food-101 (ECCV)"),
    "imagenet_r": ("ImageNet-R", "Hendrycks et al. 2021 (arXiv:2006.16241)"),
    "objectnet": ("ObjectNet, 200 classes", "Barbu et al. 2019, ObjectNet (NeurIPS)"),
    "sun": ("SUN397, 300 classes", "Xiao et al. 2010, SUN database (CVPR)"),
    "ucf101": ("UCF101, frames of the first 100 classes", "Soomro et al. 2012 (arXiv:1212.0402)"),
}


def _proof(name: str) -> ImageDataset:
    title, citation = _ORIGINALS[name]
    return ImageDataset(
        name=f"proof_{name}",
        title=f"{title}, PROOF's sample",
        domain="general",
        source=OwnCopySource(like=FolderSource(path=name)),
        prompts="proof",
        # Samples of others' datasets in splits of their own: as published, repeats included.
        on_duplicates="report",
        licence="not stated",
        citation=f"{citation}; sample: Zhou et al. 2025, PROOF (TPAMI; arXiv:2305.19270)",
    )


PROOF = tuple(map(_proof, _ORIGINALS))

"""Streams of domains with the same classes in each: CORe50, DomainNet, CDDB. A dataset is one
domain, as S-Prompts cuts them (Wang et al. 2022, NeurIPS; arXiv:2207.12819); class names are its,
too.

S-Prompts learns its prompts, so templates are this suite's own. Sizes are left to the lists.
"""

from pathlib import Path

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import FolderSource, OwnCopySource

_CUT = "cut: Wang et al. 2022, S-Prompts (NeurIPS; arXiv:2207.12819)"


def _domain(
    name: str,
    title: str,
    source: FolderSource,
    classes: dict[str, str],
    template: str,
    citation: str,
) -> ImageDataset:
    return ImageDataset(
        name=name,
        title=title,
        domain="general",
        source=OwnCopySource(like=source),
        labels=tuple(classes),
        classes=tuple(classes.values()),
        templates=(template,),
        # Frames of one film, drawings of one kind: equal images in both splits are as published.
        on_duplicates="report",
        licence="not checked",
        citation=f"{citation}; {_CUT}",
    )


_KINDS = (
    "plug adapter",
    "mobile phone",
    "scissor",
    "light bulb",
    "can",
    "glass",
    "ball",
    "marker",
    "cup",
    "remote control",
)


def _core50_classes() -> dict[str, str]:
    """Five things of each kind, in folders that count through them: o1, o2, ..."""
    names = [f"{kind} {number}" for kind in _KINDS for number in range(1, 6)]
    return {f"o{place}": name for place, name in enumerate(names, start=1)}


def _core50(number: int) -> ImageDataset:
    """One of the eight batches of the first run of New Instances: sessions of filming apart. The
    test list holds three sessions that are in no batch, and is the same for all.
    """
    lists = "batches_filelists/NI_inc/run0"
    return _domain(
        f"core50_{number}",
        f"CORe50, New Instances, run 0, batch {number} of 8",
        FolderSource(
            path="core50_128x128",
            split_file={
                "train": f"{lists}/train_batch_{number - 1:02d}_filelist.txt",
                "test": f"{lists}/test_filelist.txt",
            },
        ),
        _core50_classes(),
        "a photo of a {}.",
        "Lomonaco and Maltoni 2017, CORe50 (CoRL; arXiv:1705.03550)",
    )


def _domainnet_classes() -> dict[str, str]:
    labels = (Path(__file__).parent / "domainnet.txt").read_text(encoding="utf-8").split()
    return {label: label.replace("_", " ") for label in labels}


def _domainnet(domain: str) -> ImageDataset:
    return _domain(
        f"domainnet_{domain}",
        f"DomainNet, {domain}",
        FolderSource(
            path="domainnet",
            split_file={"train": f"{domain}_train.txt", "test": f"{domain}_test.txt"},
        ),
        _domainnet_classes(),
        "a photo of a {}.",
        "Peng et al. 2019, Moment matching for multi-source domain adaptation (ICCV; "
        "arXiv:1812.01754)",
    )


def _cddb(generator: str) -> ImageDataset:
    """Photographs, and what one generator made; the published test images lie in `val`."""
    return _domain(
        f"cddb_{generator}",
        f"CDDB, {generator}",
        FolderSource(path=f"CDDB/{generator}", folders={"train": "train", "test": "val"}),
        {"0_real": "real", "1_fake": "fake"},
        "a {} photo.",
        "Li et al. 2023, A continual deepfake detection benchmark (WACV; arXiv:2205.05467)",
    )


CORE50 = tuple(map(_core50, range(1, 9)))
DOMAINNET = tuple(
    map(_domainnet, ("clipart", "infograph", "painting", "quickdraw", "real", "sketch"))
)
CDDB = tuple(map(_cddb, ("gaugan", "biggan", "wild", "whichfaceisreal", "san")))
DOMAINS = (*CORE50, *DOMAINNET, *CDDB)

"""CIFAR-10 and CIFAR-100: everyday things in 32x32 pixels; the usual general sets for zero-shot
retention.
"""

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import HubSource

_CITATION = "Krizhevsky 2009, Learning multiple layers of features from tiny images"

CIFAR10 = ImageDataset(
    name="cifar10",
    title="CIFAR-10",
    domain="general",
    source=HubSource(
        repository="uoft-cs/cifar10",
        revision="0b2714987fa478483af9968de7c934580d0bb9a2",
        files={"train": "plain_text/train-*.parquet", "test": "plain_text/test-*.parquet"},
        image="img",
    ),
    prompts="openai",
    splits={"train": 50000, "test": 10000},
    download_mb=144,
    licence="not stated",
    citation=_CITATION,
)

CIFAR100 = ImageDataset(
    name="cifar100",
    title="CIFAR-100",
    domain="general",
    source=HubSource(
        repository="uoft-cs/cifar100",
        revision="aadb3af77e9048adbea6b47c21a81e47dd092ae5",
        files={"train": "cifar100/train-*.parquet", "test": "cifar100/test-*.parquet"},
        image="img",
        label="fine_label",
    ),
    prompts="openai",
    splits={"train": 50000, "test": 10000},
    download_mb=142,
    licence="not stated",
    citation=_CITATION,
)

"""NWPU-RESISC45: aerial scenes, 45 classes of 700 images of 256x256 pixels, in the split of
18,900/6,300/6,300. Its licence is that of torchgeo's table of datasets.
"""

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import HubSource

RESISC45 = ImageDataset(
    name="resisc45",
    title="NWPU-RESISC45",
    domain="satellite",
    source=HubSource(
        repository="timm/resisc45",
        revision="fe12fc5f1b7606543b0355eda392f1ddc54625c6",
        files={
            "train": "data/train-*.parquet",
            "valid": "data/validation-*.parquet",
            "test": "data/test-*.parquet",
        },
    ),
    prompts="openai",
    splits={"train": 18900, "valid": 6300, "test": 6300},
    download_mb=425,
    licence="CC BY-NC 4.0",
    citation="Cheng et al. 2017, RESISC45 (Proc. IEEE 105); split: Neumann et al. 2019 "
    "(arXiv:1911.06721)",
)

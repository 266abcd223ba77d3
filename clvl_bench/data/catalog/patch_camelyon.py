"""PatchCamelyon: patches of lymph node sections, with metastatic tissue in their centre or without.

The published files are HDF5; the hub has a copy in parquet files, in the published splits, of
which no two share a slide. Its labels are true and false and carry no names; the publishers' arrays
have 1 and 0.
"""

from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import HubSource

PATCH_CAMELYON = ImageDataset(
    name="patch_camelyon",
    title="PatchCamelyon",
    domain="medical",
    source=HubSource(
        repository="1aurent/PatchCamelyon",
        revision="e4bd149e7a868a9d811fdd9f9a9fb78c05c104ab",
        files={
            "train": "data/train-*.parquet",
            "valid": "data/valid-*.parquet",
            "test": "data/test-*.parquet",
        },
    ),
    prompts="openai",
    splits={"train": 262144, "valid": 32768, "test": 32768},
    download_mb=7640,
    licence="CC0 1.0",
    citation="Veeling et al. 2018 (arXiv:1806.03962); slides: Ehteshami Bejnordi et al. 2017 "
    "(JAMA), CAMELYON16",
)

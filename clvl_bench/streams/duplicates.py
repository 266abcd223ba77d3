"""Duplicates: test images that are among the training images as well, to the pixel; counted,
refused or left out.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from clvl_bench.core.errors import Damage
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.readers.split import Split
from clvl_bench.streams.split_slice import SplitSlice


def drop_duplicates(dataset: ImageDataset, test: Split, train: Split) -> Split:
    """The test split as the dataset's policy wants it: as it is, or without the images that
    training has as well.

    Raises:
        Damage: there are such images and the policy is "error", or nothing would be left.
    """
    trained_on = set(train.hashes)
    alone = np.array([pixels not in trained_on for pixels in test.hashes], dtype=bool)
    policy = dataset.duplicates_policy
    count = int((~alone).sum())
    if not count or policy == "report":
        return test
    found = (
        f"{dataset.name}: {count} of its {len(test)} test images are among its training images "
        f"as well"
    )
    if policy == "error":
        example = test.keys[int(np.flatnonzero(~alone)[0])]
        raise Damage(
            f'{found}, for example {example}; remove them, or set on_duplicates = "skip" (leaves '
            f'them out of the test) or "report" (counts them) in [dataset.{dataset.name}]'
        )
    if not alone.any():
        raise Damage(f"{found}: leaving them out leaves nothing; give it other test images")
    return replace(test.take(np.flatnonzero(alone), "without what training has"), in_training=count)


def shared_images(slices: Sequence[SplitSlice]) -> dict[str, int]:
    """For each dataset whose images were scanned, how many of its test images are, or were before
    they were left out, among its training images as well.
    """
    trained_on: dict[str, set[str]] = {}
    for split_slice in slices:
        if split_slice.split == "train":
            trained_on[split_slice.dataset.name] = set(split_slice.data.hashes)
    shared = {}
    for split_slice in slices:
        name = split_slice.dataset.name
        if split_slice.split == "test" and split_slice.data.hashes and name in trained_on:
            still_there = sum(pixels in trained_on[name] for pixels in split_slice.data.hashes)
            shared[name] = split_slice.left_out + still_there
    return shared

"""Merging of task vectors one at a time, beside the code that the authors of MagMax released, which
merges all at once: theirs of TIES is that of its authors.
"""

import pytest
from authors.released import assert_equal, read

from clvl_bench.methods.task_vectors.config import TaskVectorsConfig
from clvl_bench.methods.task_vectors.merging import merging_of

SETTINGS = {
    "sum": TaskVectorsConfig(merge="sum"),
    "mean": TaskVectorsConfig(merge="mean"),
    "max": TaskVectorsConfig(merge="max"),
    "ties": TaskVectorsConfig(merge="ties"),
    "ties_half": TaskVectorsConfig(merge="ties", kept_share=0.5),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_vectors_merged_as_they_come_are_what_the_released_code_makes_of_all_of_them(name):
    released = read("merging")
    assert released.settings["kept_share"].get(name, 0.2) == SETTINGS[name].kept_share
    merging = merging_of(SETTINGS[name])
    for count in range(released.settings["vectors"]):
        merging.add(released.below(f"vector{count}").arrays)
        theirs = released.below(f"merged{count}.{name}")
        for weight, value in merging.merged().items():
            assert_equal(value, theirs[weight], 3e-7, f"{weight} of {count + 1} vectors")

"""MTIL on files in the layouts in which its eleven datasets are published: every one is read and
becomes an experience, with columns of images that are too large for memory.

tests/e2e/test_large_column.py does it with a dataset of its published size.
"""

from helpers.layouts import write_copies

from clvl_bench.data.readers import cells
from clvl_bench.runs.files import load
from clvl_bench.streams.benchmark import make_plan
from clvl_bench.streams.reading import read_slices


def test_eleven_datasets_in_their_published_layouts_are_eleven_experiences(
    tmp_path, monkeypatch, empty_home
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(cells, "IN_MEMORY", 3_000)
    declared = load("benchmark", "mtil_order_1")
    copies = write_copies(map(declared.images, declared.named), tmp_path)
    monkeypatch.setenv("CLVL_DATASETS", str(copies))
    config = load("benchmark", "mtil_order_1")
    slices = read_slices(config)
    plan, labels = make_plan(config, slices)
    assert [each.dataset for each in plan.streams["train"]] == list(declared.named)
    sizes = {each.dataset.name: len(each.data) for each in slices if each.split == "test"}
    assert (sizes["food101"], sizes["sun397"], sizes["mnist"]) == (2 * 101, 397, 10)
    assert len(labels) == sum(len(each.data) for each in slices)
    # These are too large for memory here, and lie in the cache.
    assert len(list(empty_home.glob("tables/*.cells"))) >= 2 * 2 + 2

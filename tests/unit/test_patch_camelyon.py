"""PatchCamelyon in its published layout, whose labels are true and false without a name."""

from helpers.layouts import write_copies

from clvl_bench.data.catalog.listing import find
from clvl_bench.data.readers import cells
from clvl_bench.runs.files import load
from clvl_bench.streams.benchmark import make_plan
from clvl_bench.streams.reading import read_slices

STREAM = """version = 1
scenario = "joint"
datasets = ["patch_camelyon"]
label_space = "dataset"
"""


def test_false_is_a_lymph_node_and_true_one_with_a_metastasis(tmp_path, monkeypatch, empty_home):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(cells, "IN_MEMORY", 10)  # it is 7.6 GB
    copies = write_copies([find("patch_camelyon")], tmp_path)
    monkeypatch.setenv("CLVL_DATASETS", str(copies))
    (tmp_path / "stream.toml").write_text(STREAM)
    config = load("benchmark", str(tmp_path / "stream.toml"))
    slices = read_slices(config)
    plan, labels = make_plan(config, slices)
    assert {each.split: len(each.data) for each in slices} == {"train": 2, "test": 2}
    assert labels.tolist() == [0, 1] * 2
    assert [candidate.name for candidate in plan.classes] == [
        "lymph node",
        "lymph node containing metastatic tumor tissue",
    ]

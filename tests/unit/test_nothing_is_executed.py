"""Nothing that is read is executed: files that try leave no trace, and are refused in one line
where they cannot be read.
"""

import json
import os
import pickle
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import clvl_bench
from clvl_bench.backbones.catalog import assets
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.core.errors import Damage
from clvl_bench.data.catalog.declaration import ImageDataset
from clvl_bench.data.catalog.sources import ArraysSource
from clvl_bench.data.readers.reading import read_split


class Evil:
    """Unpickled, it makes the folder of that name."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return os.mkdir, (str(self.canary),)


@pytest.fixture
def canary(tmp_path):
    return tmp_path / "canary"


@pytest.fixture
def clip(tmp_path):
    """A copy of the embedded CLIP, read by its path as somebody else's weights are."""
    folder = tmp_path / "clip"
    shutil.copytree(assets(), folder, ignore=shutil.ignore_patterns("manifest.json"))
    return folder


def test_the_trap_springs_when_it_is_unpickled(canary):
    pickle.loads(pickle.dumps(Evil(canary)))
    assert canary.is_dir()


def test_code_in_pickled_weights_is_refused(clip, canary):
    (clip / "model.safetensors").unlink()
    torch.save({"logit_scale": Evil(canary)}, clip / "pytorch_model.bin")
    with pytest.raises(Damage, match="more than tensors; get them as safetensors"):
        load_backbone(str(clip))
    assert not canary.exists()


@pytest.mark.parametrize(
    "name", ["model.bin", "model.pt", "model.safetensors", "pytorch_model.bin"]
)
def test_code_in_weights_is_refused_in_one_line_whatever_they_are_called(clip, canary, name):
    (clip / "model.safetensors").unlink()
    torch.save({"logit_scale": Evil(canary)}, clip / name)
    with pytest.raises(Damage) as refused:
        load_backbone(str(clip))
    assert len(str(refused.value).splitlines()) == 1
    assert str(clip) in str(refused.value)
    assert not canary.exists()


def test_a_model_that_brings_its_own_code_is_refused_in_one_line(clip, canary):
    (clip / "evil.py").write_text(f"import os\nos.mkdir({str(canary)!r})\n")
    content = {"model_type": "evil", "auto_map": {"AutoConfig": "evil.C", "AutoModel": "evil.M"}}
    (clip / "config.json").write_text(json.dumps(content))
    with pytest.raises(
        Damage, match="read are clip, siglip, bert, and folders with open_clip_config"
    ):
        load_backbone(str(clip))
    assert not canary.exists()


def test_a_configuration_that_is_none_is_one_line(clip):
    (clip / "config.json").write_text("[1, 2")
    with pytest.raises(Damage, match=r"config\.json: cannot be read") as refused:
        load_backbone(str(clip))
    assert len(str(refused.value).splitlines()) == 1


def test_code_beside_weights_is_not_run(clip, canary):
    (clip / "evil.py").write_text(f"import os\nos.mkdir({str(canary)!r})\n")
    for name, classes in (
        ("config.json", {"AutoConfig": "evil.C", "AutoModel": "evil.M"}),
        ("tokenizer_config.json", {"AutoTokenizer": ["evil.T", "evil.T"]}),
    ):
        content = json.loads((clip / name).read_text())
        (clip / name).write_text(json.dumps({**content, "auto_map": classes}))
    assert load_backbone(str(clip)).width > 0
    assert not canary.exists()


def test_objects_in_arrays_are_refused(tmp_path, canary):
    objects = np.array([Evil(canary)] * 2, dtype=object)
    np.savez(tmp_path / "a.npz", x=objects, y=np.zeros(2, dtype=np.int64))
    source = ArraysSource(path=tmp_path / "a.npz", splits={"test": ("x", "y")})
    with pytest.raises(Damage, match=r"a\.npz: cannot be read"):
        read_split(ImageDataset(name="a", source=source, classes=("b", "c")), "test")
    assert not canary.exists()


def test_the_package_neither_unpickles_nor_trusts_remote_code():
    forbidden = re.compile(
        r"pickle\.loads?\(|import "
        r"(pickle|dill|shelve|marshal)|trust_remote_code|allow_pickle=True|\bexec\("
        r"|torch\.load\((?!.*weights_only=True)"
    )
    for path in Path(clvl_bench.__file__).parent.rglob("*.py"):
        assert not forbidden.search(path.read_text(encoding="utf-8")), path

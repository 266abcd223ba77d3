"""`fetch` against a hub of our own on the loopback: the pinned commit, once, and after an
interruption only the rest.
"""

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from command import clvl

from clvl_bench.data.catalog.listing import find
from clvl_bench.data.catalog.sources import HubSource

SOURCE = find("eurosat").source
assert isinstance(SOURCE, HubSource)
RNG = np.random.default_rng(0)
FILES = {
    f"data/{split}-00000-of-00001.parquet": RNG.bytes(200_000)
    for split in ("train", "validation", "test")
}
FILES["README.md"] = b"not asked for"


class Hub:
    """What a hub answers to its client: the files of one commit, and their bytes from any place on.

    With `cut`, the first answer that sends a file's bytes breaks off after so many; the file `lost`
    is not found.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None]] = []
        self.cut: int | None = None
        self.lost: str | None = None

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        path = handler.path.partition("?")[0]
        self.asked.append((handler.command, path, handler.headers.get("Range")))
        repository = f"/datasets/{SOURCE.repository}"
        listings = {
            f"/api{repository}/revision/{SOURCE.revision}": {
                "id": SOURCE.repository,
                "sha": SOURCE.revision,
            },
            f"/api{repository}/tree/{SOURCE.revision}": [
                {
                    "type": "file",
                    "path": name,
                    "size": len(content),
                    "oid": hashlib.sha1(content).hexdigest(),
                }
                for name, content in FILES.items()
            ],
        }
        if path in listings:
            self._send(
                handler,
                200,
                json.dumps(listings[path]).encode(),
                {"Content-Type": "application/json"},
            )
            return
        name = path.removeprefix(f"{repository}/resolve/{SOURCE.revision}/")
        content = FILES.get(name)
        if content is None or name == self.lost:
            self._send(handler, 404, b"", {})
            return
        headers = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Repo-Commit": SOURCE.revision,
        }
        start = int(
            (handler.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0]
        )
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._send(handler, 206 if start else 200, content[start:], headers)

    def _send(
        self,
        handler: http.server.BaseHTTPRequestHandler,
        status: int,
        body: bytes,
        headers: dict[str, str],
    ) -> None:
        handler.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command == "HEAD":
            return
        if self.cut is not None and len(body) > self.cut:
            handler.wfile.write(body[: self.cut])
            self.cut = None
            handler.close_connection = True
            return
        handler.wfile.write(body)

    def sent(self) -> list[tuple[str, str | None]]:
        """Files whose bytes were asked for, and from where on."""
        return [
            (path.partition("/resolve/")[2], start)
            for verb, path, start in self.asked
            if verb == "GET" and "resolve" in path
        ]


@pytest.fixture
def hub() -> Iterator[tuple[Hub, str]]:
    ours = Hub()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            ours.answer(self)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield ours, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def fetched(hub: tuple[Hub, str], top: Path, **more: str):
    environment = {
        "HF_ENDPOINT": hub[1],
        "HF_HUB_CACHE": str(top / "hub"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        **more,
    }
    return clvl("fetch", "eurosat", cwd=top, **environment)


def test_the_pinned_commit_arrives_once_with_a_manifest_of_its_hashes(hub, tmp_path):
    done = fetched(hub, tmp_path)
    assert done.returncode == 0, done.stderr
    top = tmp_path / "hub" / "datasets--timm--eurosat-rgb"
    folder = top / "snapshots" / SOURCE.revision
    wanted = {name: content for name, content in FILES.items() if name != "README.md"}
    assert {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")
    } == wanted
    manifest = json.loads((top / f"clvl_bench-{SOURCE.revision}.json").read_bytes())
    assert manifest == {
        name: hashlib.sha256(content).hexdigest() for name, content in wanted.items()
    }
    assert all(SOURCE.revision in path for _, path, _ in hub[0].asked), (
        "never a branch, always the commit"
    )
    before = len(hub[0].sent())
    assert fetched(hub, tmp_path).returncode == 0
    assert len(hub[0].sent()) == before == 3


def test_a_connection_that_breaks_is_taken_up_again(hub, tmp_path):
    hub[0].cut = 120_000
    done = fetched(hub, tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "hub" / "datasets--timm--eurosat-rgb" / "snapshots" / SOURCE.revision
    assert all((folder / name).read_bytes() == FILES[name] for name in FILES if name != "README.md")


def test_after_an_interruption_only_what_is_not_here_yet_is_asked_for(hub, tmp_path):
    hub[0].lost = "data/test-00000-of-00001.parquet"
    done = fetched(hub, tmp_path)
    assert done.returncode == 3
    assert "could not be downloaded" in done.stderr.strip().splitlines()[-1]
    assert not list(tmp_path.rglob("clvl_bench-*.json")), "half of a dataset gets no manifest"
    arrived, hub[0].lost = {path for path, _ in hub[0].sent()}, None
    hub[0].asked.clear()
    assert fetched(hub, tmp_path).returncode == 0
    again = {path for path, _ in hub[0].sent()}
    assert f"{SOURCE.revision}/data/test-00000-of-00001.parquet" in again
    assert len(again) + len(arrived - again) == 3
    assert len(list(tmp_path.rglob("clvl_bench-*.json"))) == 1


def test_a_hub_that_cannot_be_reached_is_said_in_the_last_line(tmp_path):
    # The client waits longer and longer between its tries, half a minute in all; not here.
    (tmp_path / "sitecustomize.py").write_text("import time\ntime.sleep = lambda seconds: None\n")
    done = fetched((Hub(), "http://127.0.0.1:9"), tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    line = done.stderr.strip().splitlines()[-1]  # the client says before how often it tried
    assert line.startswith(
        "clvl-bench: fetch: timm/eurosat-rgb at b4e28552 could not be downloaded"
    )

"""A hub of our own on the loopback, which answers its client as the real one does: a commit's
listing, files of git at once, large ones from a storage on another host; and misbehaves on request.
"""

import hashlib
import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

LARGE = (".parquet", ".safetensors", ".bin")


@dataclass
class Instead:
    """What is answered in place of the truth, where `part` is in the path."""

    part: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    times: int = 1_000


@dataclass
class LocalHub:
    """One repository at one commit."""

    kind: str
    repository: str
    revision: str
    files: dict[str, bytes]
    port: int = 0
    asked: list[tuple[str, str, str | None, bool]] = field(default_factory=list)
    """Of each request: verb, path, range, and whether a token came with it."""
    instead: list[Instead] = field(default_factory=list)
    served: dict[str, bytes] = field(default_factory=dict)
    """Bytes that come in place of those that are listed."""
    cut: int | None = None
    """The next file breaks off after so many bytes."""

    @property
    def prefix(self) -> str:
        return "datasets/" if self.kind == "dataset" else ""

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        path = handler.path.partition("?")[0]
        token = handler.headers.get("Authorization") is not None
        self.asked.append((handler.command, path, handler.headers.get("Range"), token))
        for each in self.instead:
            if each.part in path and each.times:
                each.times -= 1
                time.sleep(each.seconds)
                self._send(handler, each.status, each.body, each.headers)
                return
        resolve = f"/{self.prefix}{self.repository}/resolve/{self.revision}/"
        if path == f"/api/{self.kind}s/{self.repository}/revision/{self.revision}":
            body = json.dumps(self._about()).encode()
            self._send(handler, 200, body, {"Content-Type": "application/json"})
        elif path.startswith(resolve) and path.removeprefix(resolve) in self.files:
            self._resolve(handler, path.removeprefix(resolve))
        elif path.startswith("/storage/"):
            self._bytes(handler, self._content(path.removeprefix("/storage/")), {})
        else:
            self._send(handler, 404, b"", {"X-Error-Code": "RepoNotFound"})

    def _about(self) -> dict[str, object]:
        siblings = []
        for name, content in self.files.items():
            told: dict[str, object] = {"rfilename": name, "size": len(content)}
            told["blobId"] = _git_sha1(content)
            if name.endswith(LARGE):
                sha256 = hashlib.sha256(content).hexdigest()
                told["lfs"] = {"size": len(content), "sha256": sha256, "pointerSize": 130}
            siblings.append(told)
        return {"id": self.repository, "sha": self.revision, "siblings": siblings}

    def _content(self, name: str) -> bytes:
        return self.served.get(name, self.files[name])

    def _resolve(self, handler: http.server.BaseHTTPRequestHandler, name: str) -> None:
        headers = {"X-Repo-Commit": self.revision}
        content = self.files[name]
        if not name.endswith(LARGE):
            headers["ETag"] = f'"{_git_sha1(content)}"'
            self._bytes(handler, self._content(name), headers)
            return
        # The storage is another host, which must not see the token.
        headers["Location"] = f"http://localhost:{self.port}/storage/{name}"
        headers["X-Linked-Size"] = str(len(content))
        headers["X-Linked-ETag"] = f'"{hashlib.sha256(content).hexdigest()}"'
        self._send(handler, 302, b"", headers)

    def _bytes(
        self,
        handler: http.server.BaseHTTPRequestHandler,
        content: bytes,
        headers: dict[str, str],
    ) -> None:
        wanted = handler.headers.get("Range") or "bytes=0-"
        start = int(wanted.removeprefix("bytes=").partition("-")[0])
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
        handler.close_connection = True
        with suppress(ConnectionError):  # the client waited no longer
            handler.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                handler.send_header(name, value)
            handler.send_header("Connection", "close")
            handler.end_headers()
            if handler.command == "HEAD":
                return
            if self.cut is not None and len(body) > self.cut:
                body, self.cut = body[: self.cut], None
            handler.wfile.write(body)


def _git_sha1(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


@contextmanager
def serving(hub: LocalHub) -> Iterator[str]:
    """The address at which it answers."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            hub.answer(self)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", hub.port), Handler)
    server.daemon_threads = True
    hub.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{hub.port}"
    finally:
        server.shutdown()
        server.server_close()

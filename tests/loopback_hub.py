"""A double of the hub on the loopback: one data set at one commit, and the faults of a real day.

The routes are those that huggingface_hub asks. Files lie in Git or, like all binary ones, in LFS:
their bytes come after a redirect from another host, here the same server under another name.

    GET  /api/datasets/<repo>/refs
    GET  /api/datasets/<repo>/tree/<commit>/<folder>          pages of `page` entries
    POST /api/datasets/<repo>/paths-info/<commit>
    HEAD, GET /datasets/<repo>/resolve/<commit>/<path>
    GET  /lfs/<oid>                                            at localhost, not at 127.0.0.1
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from huggingface_hub import close_session, constants

from avvla.hub import client

IN_GIT = (".csv", ".md")
PIECE = 1 << 12


@dataclass(frozen=True)
class Request:
    """A request that arrived, and the bytes of a file that went out."""

    method: str
    path: str
    start: int
    authorization: str | None
    sent: list[int] = field(default_factory=list)


@dataclass
class Fault:
    """What happens to the next `times` requests whose path matches.

    `status` answers with it and `headers`; `cut_after` sends so many bytes of a body and closes;
    `flip` changes the last byte of a body; `no_ranges` sends the whole file.
    """

    match: str
    times: int = 1
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    flip: bool = False
    no_ranges: bool = False


class LoopbackHub:
    """Serves `files` by path; a context manager."""

    def __init__(self, files: Mapping[str, bytes], repo_id: str, revision: str) -> None:
        self.files, self.repo_id, self.revision = dict(files), repo_id, revision
        self.page = 1000
        self.token: str | None = None
        """What a request has to have; None: the data set is open."""
        self.known_tokens: set[str] = set()
        """Tokens of accounts without access."""
        self.faults: list[Fault] = []
        self.log: list[Request] = []
        self.left: int | None = None
        """Bytes of files that still go out before the network is gone; None: no limit."""
        self.pause_s = 0.0
        """Before each piece of a file."""
        self.lock = threading.Lock()

    @classmethod
    def of_folder(cls, folder: Path, repo_id: str, revision: str) -> LoopbackHub:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        return cls(files, repo_id, revision)

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def lfs_endpoint(self) -> str:
        return f"http://localhost:{self._server.server_port}"

    def oid(self, path: str) -> str:
        """The name of a file's blob: SHA-256 in LFS, Git's SHA-1 otherwise."""
        content = self.files[path]
        if path.endswith(IN_GIT):
            return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        return hashlib.sha256(content).hexdigest()

    def bodies(self) -> list[Request]:
        """The requests that got bytes of files, or tried to."""
        with self.lock:
            log = list(self.log)
        return [
            request
            for request in log
            if request.path.startswith("/lfs/")
            or (request.method == "GET" and request.path.endswith(IN_GIT))
        ]

    def entry(self, path: str) -> dict[str, Any]:
        size = len(self.files[path])
        row: dict[str, Any] = {"type": "file", "path": path, "size": size, "oid": self.oid(path)}
        if not path.endswith(IN_GIT):
            row["lfs"] = {"oid": row["oid"], "size": size, "pointerSize": 130}
            row["oid"] = hashlib.sha1(row["oid"].encode()).hexdigest()  # of the pointer
        return row

    def tree(self, folder: str) -> list[dict[str, Any]]:
        """Entries directly in a folder, folders among them."""
        prefix = f"{folder}/" if folder else ""
        inside = [path for path in sorted(self.files) if path.startswith(prefix)]
        deeper = {
            path[: path.index("/", len(prefix))] for path in inside if "/" in path[len(prefix) :]
        }
        files = [self.entry(path) for path in inside if "/" not in path[len(prefix) :]]
        return [
            {"type": "directory", "path": path, "oid": "0" * 40, "size": 0}
            for path in sorted(deeper)
        ] + files

    def below(self, folder: str) -> list[dict[str, Any]]:
        """Files anywhere below a folder."""
        return [self.entry(path) for path in sorted(self.files) if path.startswith(f"{folder}/")]

    def take(self, wanted: int) -> int:
        """How many of `wanted` bytes may still go out."""
        with self.lock:
            if self.left is None:
                return wanted
            given = min(wanted, self.left)
            self.left -= given
            return given

    def fault(self, path: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and re.search(fault.match, path):
                    fault.times -= 1
                    return fault
            return None


@contextmanager
def reached(hub: LoopbackHub, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have huggingface_hub in this process find the hub, without a token and without pauses."""
    patch.setattr(constants, "ENDPOINT", hub.endpoint)
    patch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}",
    )
    patch.setattr(constants, "HF_HUB_OFFLINE", False)
    patch.setattr(constants, "HF_TOKEN_PATH", os.devnull)
    patch.setattr(client, "FIRST_PAUSE_S", 0.0)
    patch.setenv("NO_PROXY", "127.0.0.1,localhost")
    patch.setenv("HF_TOKEN", "")
    close_session()  # which has read the proxies
    yield
    close_session()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that was killed is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # 40 ms a request
    hub: LoopbackHub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        matched = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(matched[1]) if matched else 0
        request = Request(self.command, path, start, self.headers.get("Authorization"))
        with self.hub.lock:
            self.hub.log.append(request)
        if self.hub.left == 0:
            self.close_connection = True
            return
        fault = self.hub.fault(path)
        if fault is not None and fault.status is not None:
            self._send(fault.status, fault.headers)
        elif path.startswith("/lfs/"):
            self._lfs(path.removeprefix("/lfs/"), request, fault)
        elif not self._may_read(path):
            return
        else:
            self._route(url.query, path, request, fault)

    def _may_read(self, path: str) -> bool:
        """Gated data sets list their files to everybody; a token that nobody has is refused."""
        given = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if self.hub.token is None or given == self.hub.token:
            return True
        if given and given not in self.hub.known_tokens:
            self._send(401, {"X-Error-Message": "Invalid credentials in Authorization header"})
            return False
        if "/resolve/" in path:
            self._send(403 if given else 401, {"X-Error-Code": "GatedRepo"})
            return False
        return True

    def _route(self, query: str, path: str, request: Request, fault: Fault | None) -> None:
        hub = self.hub
        api = f"/api/datasets/{hub.repo_id}"
        resolve = f"/datasets/{hub.repo_id}/resolve/"
        if path == f"{api}/refs":
            main = {"name": "main", "ref": "refs/heads/main", "targetCommit": hub.revision}
            self._json({"branches": [main], "tags": [], "converts": []})
        elif path.startswith((f"{api}/tree/", f"{api}/paths-info/")):
            kind, revision, *folder = path.removeprefix(f"{api}/").split("/")
            if revision != hub.revision:
                self._send(404, {"X-Error-Code": "RevisionNotFound"})
            elif kind == "tree":
                asked = parse_qs(query)
                self._tree(
                    "/".join(folder), int(asked.get("cursor", ["0"])[0]), "recursive" in asked
                )
            else:
                body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self._json([hub.entry(name) for name in body["paths"] if name in hub.files])
        elif path.startswith(resolve):
            revision, _, name = path.removeprefix(resolve).partition("/")
            self._resolve(revision, name, request, fault)
        else:
            self._send(404, {"X-Error-Code": "RepoNotFound"})

    def _tree(self, folder: str, first: int, below: bool) -> None:
        rows = self.hub.below(folder) if below else self.hub.tree(folder)
        if not rows:
            self._send(404, {"X-Error-Code": "EntryNotFound"})
            return
        last = first + self.hub.page
        headers = {}
        if last < len(rows):
            place = f"{self.hub.endpoint}{urlsplit(self.path).path}?cursor={last}"
            place += "&recursive=true" if below else ""
            headers["Link"] = f'<{place}>; rel="next"'
        self._json(rows[first:last], headers)

    def _resolve(self, revision: str, name: str, request: Request, fault: Fault | None) -> None:
        hub = self.hub
        if revision != hub.revision:
            self._send(404, {"X-Error-Code": "RevisionNotFound"})
        elif name not in hub.files:
            self._send(404, {"X-Error-Code": "EntryNotFound"})
        elif name.endswith(IN_GIT):
            headers = {"ETag": f'"{hub.oid(name)}"', "X-Repo-Commit": hub.revision}
            self._body(hub.files[name], headers, request, fault)
        else:
            oid = hub.oid(name)
            self._send(
                302,
                {
                    "Location": f"{hub.lfs_endpoint}/lfs/{oid}",
                    "X-Linked-Etag": f'"{oid}"',
                    "X-Linked-Size": str(len(hub.files[name])),
                    "X-Repo-Commit": hub.revision,
                },
            )

    def _lfs(self, oid: str, request: Request, fault: Fault | None) -> None:
        content = next(hub for name, hub in self.hub.files.items() if self.hub.oid(name) == oid)
        self._body(content, {"ETag": f'"{oid}"'}, request, fault)

    def _body(
        self, content: bytes, headers: dict[str, str], request: Request, fault: Fault | None
    ) -> None:
        start = request.start
        if fault is not None and fault.no_ranges:
            start = 0
        if start >= len(content) > 0:
            self._send(416, {"Content-Range": f"bytes */{len(content)}"})
            return
        if fault is not None and fault.flip:
            content = content[:-1] + bytes([content[-1] ^ 1])
        rest = content[start:]
        headers["Accept-Ranges"] = "bytes"
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._begin(206 if start else 200, headers, len(rest))
        if self.command == "HEAD":
            return
        end = len(rest) if fault is None or fault.cut_after is None else fault.cut_after
        for first in range(0, min(end, len(rest)), PIECE):
            if self.hub.pause_s:
                time.sleep(self.hub.pause_s)
            piece = rest[first : min(first + PIECE, end)]
            given = self.hub.take(len(piece))
            try:
                self.wfile.write(piece[:given])
            except OSError:  # the client is gone
                self.close_connection = True
                return
            request.sent.append(given)
            if given < len(piece):
                break
        if sum(request.sent) < len(rest):
            self.wfile.flush()
            self.close_connection = True

    def _json(self, content: Any, headers: Mapping[str, str] | None = None) -> None:
        text = json.dumps(content).encode()
        self._begin(200, {"Content-Type": "application/json", **(headers or {})}, len(text))
        self.wfile.write(text)

    def _send(self, status: int, headers: Mapping[str, str]) -> None:
        self._begin(status, headers, 0)

    def _begin(self, status: int, headers: Mapping[str, str], length: int) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

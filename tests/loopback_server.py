"""The HTTP side of the double of the hub: its routes, and a fault in their way.

Files lie in Git or, like all binary ones, in LFS: their bytes come after a redirect from another
host, here the same server under another name.

    GET       /api/datasets/<repo>/tree/<commit>/<folder>    pages of `page` entries
    HEAD, GET /datasets/<repo>/resolve/<commit>/<path>        HEAD: huggingface_hub's own download
    GET       /api/datasets/<repo>/revision/main              the commit
    HEAD, GET /lfs/<oid>                                      at localhost, not at 127.0.0.1

A model is at /api/models/<repo> and /<repo>.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from loopback_hub import LoopbackHub

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


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that was killed is no news."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # 40 ms a request
    hub: LoopbackHub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
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
        for hub in (self.hub, *self.hub.beside):
            if path.startswith(f"{hub.api}tree/"):
                revision, *folder = path.removeprefix(f"{hub.api}tree/").split("/")
                if revision != hub.revision:
                    self._send(404, {"X-Error-Code": "RevisionNotFound"})
                else:
                    asked = parse_qs(query)
                    first = int(asked.get("cursor", ["0"])[0])
                    self._tree(hub, "/".join(folder), first, "recursive" in asked)
                return
            if path == f"{hub.api}revision/main":
                self._json({"sha": hub.revision})
                return
            if path.startswith(hub.resolve):
                revision, _, name = path.removeprefix(hub.resolve).partition("/")
                self._resolve(hub, revision, name, request, fault)
                return
        self._send(404, {"X-Error-Code": "RepoNotFound"})

    def _tree(self, hub: LoopbackHub, folder: str, first: int, below: bool) -> None:
        rows = hub.below(folder) if below else hub.tree(folder)
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

    def _resolve(
        self, hub: LoopbackHub, revision: str, name: str, request: Request, fault: Fault | None
    ) -> None:
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
                    "Location": f"{self.hub.lfs_endpoint}/lfs/{oid}",
                    "X-Linked-Etag": f'"{oid}"',
                    "X-Linked-Size": str(len(hub.files[name])),
                    "X-Repo-Commit": hub.revision,
                },
            )

    def _lfs(self, oid: str, request: Request, fault: Fault | None) -> None:
        content = next(
            text
            for hub in (self.hub, *self.hub.beside)
            for name, text in hub.files.items()
            if hub.oid(name) == oid
        )
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

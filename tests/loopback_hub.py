"""A double of the hub on the loopback: a repository at one commit, and the faults of a real day."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from huggingface_hub import close_session, constants
from loopback_server import IN_GIT, Fault, Handler, Request, Server

from avvla.hub import client
from avvla.hub.client import Kind


class LoopbackHub:
    """Serves `files` by path; a context manager."""

    def __init__(
        self, files: Mapping[str, bytes], repo_id: str, revision: str, kind: Kind = "dataset"
    ) -> None:
        self.files, self.repo_id, self.revision = dict(files), repo_id, revision
        self.kind = kind
        self.beside: list[LoopbackHub] = []
        """Further repositories that are served, with faults and a log here."""
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
    def of_folder(
        cls, folder: Path, repo_id: str, revision: str, kind: Kind = "dataset"
    ) -> LoopbackHub:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        return cls(files, repo_id, revision, kind)

    def __enter__(self) -> Self:
        handler = type("Handler", (Handler,), {"hub": self})
        self._server = Server(("127.0.0.1", 0), handler)
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
    def api(self) -> str:
        return f"/api/{self.kind}s/{self.repo_id}/"

    @property
    def resolve(self) -> str:
        return f"{'/datasets' if self.kind == 'dataset' else ''}/{self.repo_id}/resolve/"

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

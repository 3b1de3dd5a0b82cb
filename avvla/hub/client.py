"""A repository on the hub at one commit: the files of its folders, their bytes from any offset.

    GET <endpoint>/api/datasets/<repo>/tree/<commit>/<folder>   pages of entries, `Link: rel="next"`
    GET <endpoint>/datasets/<repo>/resolve/<commit>/<path>      bytes; `Range: bytes=<start>-`

A model has `/api/models/<repo>` and `/<repo>`, and for the commit that a branch is at:

    GET <endpoint>/api/models/<repo>/revision/main              `sha`

Requests go through huggingface_hub's session, so its settings hold: HF_ENDPOINT, HF_TOKEN or the
token of `hf auth login`, HF_HUB_OFFLINE, HF_HUB_DOWNLOAD_TIMEOUT, and the proxy of the system. Its
own download starts a file anew when its process has ended, and its own listing has no time-out,
hence these.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import quote

import httpx
from huggingface_hub import constants, get_session, get_token, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    build_hf_headers,
    hf_raise_for_status,
    parse_ratelimit_headers,
)
from pydantic import Field, ValidationError

from avvla.errors import UserError
from avvla.record import Record

TRIES = 6
"""Requests without a byte gained, before a passing fault is taken for a lasting one."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 300.0  # the hub counts requests over five minutes
Kind = Literal["dataset", "model"]
_NOUNS = {"dataset": "data set", "model": "model"}
_PASSING = frozenset({408, 429, 500, 502, 503, 504})


class Entry(Record):
    """A file on the hub; `oid` is the SHA-256 of its bytes, or Git's SHA-1 where it lies in Git."""

    path: str
    bytes: Annotated[int, Field(ge=0)]
    oid: Annotated[str, Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]


class PassingError(Exception):
    """A request that may succeed when tried again, after `pause_s` if the hub says so."""

    def __init__(self, problem: str, pause_s: float | None = None) -> None:
        super().__init__(problem)
        self.pause_s = pause_s


@dataclass(frozen=True)
class Hub:
    """A repository at a commit, and what a person sets to choose another."""

    repo_id: str
    revision: str
    repo_setting: str
    revision_setting: str
    kind: Kind = "dataset"

    @classmethod
    def pinned(cls, repo_id: str, revision: str | None, section: str) -> Hub:
        """The data set at the commit that the parameters pin.

        Raises:
            UserError: they pin none.
        """
        if revision is None:
            raise UserError(
                f"{section}.revision is not set: pin a commit of {repo_id} by its 40 hexadecimal"
                " digits, from the history on its page (docs/data.md)"
            )
        return cls(repo_id, revision, f"{section}.repo_id", f"{section}.revision")

    @classmethod
    def model(
        cls, repo_id: str, revision: str | None, repo_setting: str, revision_setting: str
    ) -> Hub:
        """A model at a commit; None: the one that its branch `main` is at now.

        Raises:
            UserError: the hub cannot be reached, refuses, or answers with something else.
        """
        hub = cls(repo_id, revision or "main", repo_setting, revision_setting, "model")
        if revision is None:
            answer = patiently(partial(hub._get, f"{hub._api}/revision/main"))
            hub = replace(hub, revision=_commit(answer, repo_id))
        return hub

    def folder(self, folder: str, *, below: bool = False) -> tuple[Entry, ...]:
        """The files that lie directly in a folder, "" for the top one; none if it is missing.

        With `below`, also those in folders inside it.

        Raises:
            UserError: the hub cannot be reached, refuses, or answers with something else.
        """
        url: str | None = f"{self._api}/tree/{self.revision}/{quote(folder)}".rstrip("/") + (
            "?recursive=true" if below else ""
        )
        rows: list[Any] = []
        while url is not None:
            response = patiently(partial(self._get, url))
            if response is None:
                return ()
            rows += _rows(response)
            url = response.links.get("next", {}).get("url")
        try:
            return tuple(_entry(row) for row in rows if row["type"] == "file")
        except (KeyError, TypeError, ValidationError) as error:
            line = " ".join(str(error).split())
            raise UserError(
                f"{constants.ENDPOINT} lists {folder or 'the top folder'} of {self.repo_id} in an"
                f" unknown form ({line}): check HF_ENDPOINT"
            ) from None

    @contextmanager
    def body(self, path: str, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        """The bytes of a file: the offset where they begin, `start` or 0, and their pieces.

        Raises:
            PassingError: the connection failed or broke, the hub asks to wait or is out of order.
            UserError: the hub refuses.
        """
        url = hf_hub_url(self.repo_id, path, repo_type=self.kind, revision=self.revision)
        # Compressed bytes have other offsets.
        headers = self._headers() | {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
        with (
            self._faults(path),
            get_session().stream("GET", url, headers=headers, timeout=timeout) as response,
        ):
            hf_raise_for_status(response)
            first = start if response.status_code == httpx.codes.PARTIAL_CONTENT else 0
            # As they come: a piece of a fixed size is lost with the connection until it is full.
            yield first, response.iter_bytes()

    @property
    def _api(self) -> str:
        return f"{constants.ENDPOINT}/api/{self.kind}s/{self.repo_id}"

    def _get(self, url: str) -> httpx.Response | None:
        """A page of a listing; None if there is no such folder."""
        with self._faults(url):
            timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
            response = get_session().get(url, headers=self._headers(), timeout=timeout)
            try:
                hf_raise_for_status(response)
            except EntryNotFoundError:
                return None
            return response

    def _headers(self) -> dict[str, str]:
        if constants.is_offline_mode():
            raise UserError(
                f"HF_HUB_OFFLINE is set, but files of {self.repo_id} are not here yet: unset it and"
                " run again"
            )
        headers: dict[str, str] = build_hf_headers(library_name="avvla")
        return headers

    @contextmanager
    def _faults(self, wanted: str) -> Iterator[None]:
        """Tell what the network and the hub raise."""
        try:
            yield
        except HfHubHTTPError as error:
            status = error.response.status_code
            if status in _PASSING:
                raise PassingError(f"{wanted}: the hub answers {status}", _asked(error)) from None
            raise UserError(f"{wanted}: {self._refusal(error)}") from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise UserError(
                f"HF_ENDPOINT is {constants.ENDPOINT!r} ({error}), expected http(s)://host[:port]"
            ) from None
        except (httpx.TransportError, httpx.TooManyRedirects) as error:
            line = " ".join(f"{type(error).__name__}: {error}".split())
            raise PassingError(
                f"{wanted}: no answer from {constants.ENDPOINT} ({line}); check the network,"
                " HTTPS_PROXY and HF_ENDPOINT"
            ) from None

    def _refusal(self, error: HfHubHTTPError) -> str:
        """What a person can do about an answer that will not change by itself."""
        place = "datasets/" if self.kind == "dataset" else ""
        page = f"{constants.ENDPOINT}/{place}{self.repo_id}"
        status = error.response.status_code
        if isinstance(error, RevisionNotFoundError):
            return (
                f"{self.repo_id} has no commit {self.revision}: set {self.revision_setting} to one"
                f" of {page}/commits/main"
            )
        if status in (401, 403) and get_token() is None:
            return (
                f"{self.repo_id} is gated (or missing) and there is no token: accept its terms at"
                f" {page}, then log in with `hf auth login`, or set HF_TOKEN to a token that may"
                " read it"
            )
        if status == 401 and not isinstance(error, GatedRepoError):
            return (
                "the hub does not know the token of HF_TOKEN or `hf auth login`: make one at"
                f" {constants.ENDPOINT}/settings/tokens"
            )
        if status in (401, 403):
            return (
                f"the token's account has no access to {self.repo_id}: accept its terms at {page},"
                " and allow the token to read gated repositories if it is a fine-grained one"
            )
        if isinstance(error, EntryNotFoundError):
            return f"it is not in {self.repo_id} at {self.revision}"
        if status == 404:
            return f"there is no {_NOUNS[self.kind]} {self.repo_id}: check {self.repo_setting}"
        return f"the hub answers {status}"


def patiently[R](request: Callable[[], R]) -> R:
    """The result of a request that is tried again after passing faults.

    Raises:
        UserError: none of `TRIES` tries succeeded.
    """
    for number in range(TRIES):
        try:
            return request()
        except PassingError as fault:
            problem = fault
        wait(problem, number)
    raise gave_up(problem)


def wait(fault: PassingError, number: int) -> None:
    """Sleep after the failed try `number` = 0, 1, ... of TRIES, but the last."""
    if number + 1 < TRIES:
        asked = FIRST_PAUSE_S * 2.0**number if fault.pause_s is None else fault.pause_s
        time.sleep(min(asked, LONGEST_PAUSE_S))


def gave_up(fault: PassingError) -> UserError:
    """The error of a fault that did not pass."""
    return UserError(f"{fault} ({TRIES} times); what has arrived is kept: run again later")


def _asked(error: HfHubHTTPError) -> float | None:
    """Seconds that an answer asks to wait, or None."""
    limit = parse_ratelimit_headers(error.response.headers)
    if limit is not None and limit.remaining == 0:
        return float(limit.reset_in_seconds)
    text = error.response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else None


def _rows(response: httpx.Response) -> list[Any]:
    try:
        rows = response.json()
    except ValueError:
        rows = None
    if not isinstance(rows, list):
        raise UserError(f"{response.url} is no listing of a repository: check HF_ENDPOINT")
    return rows


def _commit(response: httpx.Response | None, repo_id: str) -> str:
    try:
        commit = response.json()["sha"] if response is not None else None
    except (ValueError, LookupError, TypeError):
        commit = None
    if not isinstance(commit, str) or not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise UserError(
            f"{constants.ENDPOINT} tells no commit of the branch main of {repo_id}: check"
            " HF_ENDPOINT"
        )
    return commit


def _entry(row: dict[str, Any]) -> Entry:
    stored = row.get("lfs") or row
    return Entry(path=row["path"], bytes=stored["size"], oid=stored["oid"])

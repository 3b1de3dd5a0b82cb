"""The data set from the hub, chunk by chunk; what the hub has is asked once for each folder.

<repository>/listings/<commit>/<folder>/files.json    the files in a folder: a commit never changes
<repository>/listings/<commit>/<folder>/below.json    those in folders inside it as well
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from avvla.cluster.chunk_map import map_chunks
from avvla.cluster.store import LAST_RUN, Store
from avvla.errors import UserError
from avvla.files import hash_file, replacing
from avvla.hub import space
from avvla.hub.blob import bring, missing_bytes, present
from avvla.hub.client import Entry, Hub
from avvla.physical_ai import layout
from avvla.physical_ai.manifest import File
from avvla.record import Record, read_record


class Listing(Record):
    """The files of one folder on the hub."""

    files: tuple[Entry, ...]


@dataclass(frozen=True)
class Remote:
    """A commit of a data set on the hub, and where it goes on this machine.

    `parse` tells the feature and the chunk of a path in the layout of the data set.
    """

    hub: Hub
    data_root: Path
    work: Path
    quota_bytes: int | None
    parse: Callable[[str], tuple[str, int | None]]
    _known: dict[str, dict[str, Entry]] = field(default_factory=dict, init=False, repr=False)

    @property
    def snapshot(self) -> Path:
        """Folder of the commit in the hub cache."""
        return layout.snapshot(self.data_root, self.hub.repo_id, self.hub.revision)

    @property
    def _store(self) -> Store:
        """Tells what a run had to fetch."""
        return Store(self.snapshot, self.work / "download" / LAST_RUN, "AVVLA_DATA")

    def folder(self, folder: str) -> tuple[str, ...]:
        """Paths of the files that lie directly in a folder of the data set."""
        return tuple(self._entries(folder))

    def below(self, folder: str) -> tuple[str, ...]:
        """Paths of all files below a folder of the data set."""
        return tuple(self._entries(folder, below=True))

    def bring(self, paths: Iterable[str]) -> tuple[File, ...]:
        """Have files in the snapshot, one after the other.

        Raises:
            UserError: the data set has no such file, the hub does not give it, or there is no room.
        """
        entries = [self._entry(path) for path in paths]
        self._require_space(entries)
        with self._store.writing():
            for entry in entries:
                bring(self.hub, entry, self.snapshot)
        return tuple(map(self._file, entries))

    def bring_chunks(self, paths: Mapping[int, Sequence[str]], workers: int) -> tuple[File, ...]:
        """Have the files of chunks in the snapshot; a chunk whose files are there is left alone.

        A file that several chunks have comes once.

        Raises:
            UserError: as for `bring`.
        """
        wanted = {chunk: tuple(map(self._entry, names)) for chunk, names in paths.items()}
        missing = {
            chunk: entries
            for chunk, entries in wanted.items()
            if not all(present(entry, self.snapshot) for entry in entries)
        }
        self._require_space([entry for entries in missing.values() for entry in entries])
        self._store.begin()
        step = partial(_bring_chunk, self.hub, self.snapshot, self._store, missing)
        spent_s = map_chunks(step, list(missing), workers, "fetch")
        files = {entry.path: entry for entries in wanted.values() for entry in entries}.values()
        self._store.note(
            kept_bytes=sum(entry.bytes for entry in files),
            computed=len(missing),
            cpu_s=sum(spent_s),
            reused=len(wanted) - len(missing),
        )
        return tuple(map(self._file, files))

    def _entries(self, folder: str, *, below: bool = False) -> dict[str, Entry]:
        name = f"{folder}/{'below' if below else 'files'}.json".lstrip("/")
        if name not in self._known:
            kept = layout.listings(self.data_root, self.hub.repo_id, self.hub.revision)
            path = kept / name
            if not path.exists():
                listing = Listing(files=self.hub.folder(folder, below=below))
                with self._store.writing(), replacing(path) as temporary:
                    temporary.write_text(json.dumps(listing.model_dump()))
            listing = read_record(Listing, path, "remove it and run again")
            self._known[name] = {entry.path: entry for entry in listing.files}
        return self._known[name]

    def _entry(self, path: str) -> Entry:
        entry = self._entries(path.rpartition("/")[0]).get(path)
        if entry is None:
            raise UserError(f"{self.hub.repo_id} has no {path} at {self.hub.revision}")
        return entry

    def _require_space(self, entries: Iterable[Entry]) -> None:
        needed = sum(missing_bytes(entry, self.snapshot) for entry in set(entries))
        space.require(self.data_root, needed, self.quota_bytes)

    def _file(self, entry: Entry) -> File:
        feature, chunk = self.parse(entry.path)
        sha256 = entry.oid if len(entry.oid) == 64 else hash_file(self.snapshot / entry.path)
        return File(path=entry.path, feature=feature, chunk=chunk, bytes=entry.bytes, sha256=sha256)


def _bring_chunk(
    hub: Hub, snapshot: Path, store: Store, missing: Mapping[int, Sequence[Entry]], chunk: int
) -> float:
    """Bring one chunk; the seconds of processor time that it took."""
    begin_s = time.process_time()
    with store.writing():
        for entry in missing[chunk]:
            bring(hub, entry, snapshot)
    return time.process_time() - begin_s

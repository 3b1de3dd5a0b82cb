"""The data set from the hub, chunk by chunk; what the hub has is asked once for each folder.

<repository>/listings/<commit>/<folder>/files.json    the files of a folder: a commit never changes
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from avvla.cluster.chunk_map import map_chunks
from avvla.cluster.store import Store
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
    """A commit of a data set on the hub, and where it goes on this machine."""

    hub: Hub
    data_root: Path
    quota_bytes: int | None
    store: Store
    _known: dict[str, dict[str, Entry]] = field(default_factory=dict, init=False, repr=False)

    @property
    def snapshot(self) -> Path:
        """Folder of the commit in the hub cache."""
        return layout.snapshot(self.data_root, self.hub.repo_id, self.hub.revision)

    def folder(self, folder: str) -> tuple[str, ...]:
        """Paths of the files that lie directly in a folder of the data set."""
        return tuple(self._entries(folder))

    def metadata(self, paths: Sequence[str]) -> tuple[File, ...]:
        """Bring files that belong to no chunk."""
        entries = [self._entry(path) for path in paths]
        self._require_space(entries)
        with self.store.writing():
            for entry in entries:
                bring(self.hub, entry, self.snapshot)
        return tuple(self._file(entry) for entry in entries)

    def chunks(self, paths: Mapping[int, Sequence[str]], workers: int) -> tuple[File, ...]:
        """Bring the files of chunks; a chunk whose files are there is left alone."""
        wanted = {chunk: tuple(map(self._entry, names)) for chunk, names in paths.items()}
        missing = {
            chunk: entries
            for chunk, entries in wanted.items()
            if not all(present(entry, self.snapshot) for entry in entries)
        }
        self._require_space([entry for entries in missing.values() for entry in entries])
        self.store.begin()
        step = partial(_bring_chunk, self.hub, self.snapshot, self.store, missing)
        spent_s = map_chunks(step, list(missing), workers, "fetch")
        files = tuple(self._file(entry) for entries in wanted.values() for entry in entries)
        self.store.note(
            kept_bytes=sum(file.bytes for file in files),
            computed=len(missing),
            cpu_s=sum(spent_s),
            reused=len(wanted) - len(missing),
        )
        return files

    def _entries(self, folder: str) -> dict[str, Entry]:
        if folder not in self._known:
            kept = layout.listings(self.data_root, self.hub.repo_id, self.hub.revision)
            path = kept / folder / "files.json"
            if not path.exists():
                listing = Listing(files=self.hub.folder(folder))
                with self.store.writing(), replacing(path) as temporary:
                    temporary.write_text(json.dumps(listing.model_dump()))
            listing = read_record(Listing, path, "remove it and run again")
            self._known[folder] = {entry.path: entry for entry in listing.files}
        return self._known[folder]

    def _entry(self, path: str) -> Entry:
        return self._entries(path.rpartition("/")[0])[path]

    def _require_space(self, entries: Sequence[Entry]) -> None:
        needed = sum(missing_bytes(entry, self.snapshot) for entry in entries)
        space.require(self.data_root, needed, self.quota_bytes)

    def _file(self, entry: Entry) -> File:
        feature, chunk = layout.parse(entry.path)
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

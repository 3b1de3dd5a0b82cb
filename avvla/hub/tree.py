"""The data set from a plain folder with the hub's relative paths: linked, not copied.

The snapshot in the hub cache has a link to each file, and the manifest is that of the hub: same
paths, sizes and hashes. A chunk is hashed once; its hashes are kept by the sizes and times of its
files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from avvla.cluster.store import Step, Store
from avvla.errors import UserError
from avvla.files import replacing
from avvla.hub.chunk import Described, describe_chunk
from avvla.physical_ai import manifest
from avvla.physical_ai.manifest import File
from avvla.record import read_record


@dataclass(frozen=True)
class Tree:
    """A folder with the data set, and the snapshot that links to it."""

    root: Path
    snapshot: Path
    store: Store
    """The kept hashes."""

    def folder(self, folder: str) -> tuple[str, ...]:
        """Paths of the files that lie directly in a folder of the data set.

        Raises:
            UserError: the folder of the data set itself is missing.
        """
        if not self.root.is_dir():
            raise UserError(f"AVVLA_NVIDIA_TREE is {self.root}, which is no folder")
        place = self.root / folder
        if not place.is_dir():
            return ()
        return tuple(
            sorted(
                path.relative_to(self.root).as_posix()
                for path in place.iterdir()
                if path.is_file() and not path.name.startswith(".")
            )
        )

    def bring(self, paths: Sequence[str]) -> tuple[File, ...]:
        """Link files and hash them."""
        self._link(paths)
        return manifest.describe(self.root, paths)

    def bring_chunks(self, paths: Mapping[int, Sequence[str]], workers: int) -> tuple[File, ...]:
        """Link the files of chunks and hash those that are new."""
        facts = {chunk: [self._facts(path) for path in names] for chunk, names in paths.items()}
        step = Step(describe_chunk, {}, {"root": self.root, "paths": paths}, ".json")
        kept = self.store.results(step, facts, workers, "hash")
        for names in paths.values():
            self._link(names)
        again = "remove it and run again"
        return tuple(
            file for path in kept.values() for file in read_record(Described, path, again).files
        )

    def _facts(self, path: str) -> tuple[str, str, int, int]:
        """What tells that a file is the one that was hashed."""
        on_disk = (self.root / path).stat()
        return str(self.root), path, on_disk.st_size, on_disk.st_mtime_ns

    def _link(self, paths: Sequence[str]) -> None:
        with Store(self.snapshot, self.store.record, "AVVLA_DATA").writing():
            for path in paths:
                link, target = self.snapshot / path, self.root / path
                if not link.is_symlink() or link.readlink() != target:
                    with replacing(link) as temporary:
                        temporary.symlink_to(target)

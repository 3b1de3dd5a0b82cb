"""Results of chunks, kept under names that say what they were made from.

    <folder>/chunk_0000_<hash>[.parquet]   the result of one chunk, a file or a folder
    <record>                               {"bytes", "computed", "cpu_s", "reused"} of the last run

The hash is over the code and libraries that the step runs on, its settings, and the chunk's inputs.
A result is there whole or not at all, so what is there is not made again: a run that was killed
goes on, and an added chunk is computed alone.

Nothing can tell whether an older checkout, or an experiment that runs beside, will want a result
again, so age decides: a run that ends well removes what no run has used for `keep_days`. Between
runs the folder may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from avvla.cluster.chunk_map import map_chunks
from avvla.cluster.fingerprint import identity
from avvla.errors import UserError
from avvla.files import replacing

KEEP_DAYS = 14.0
ABANDONED_DAYS = 2.0
"""Age at which a temporary result has lost its writer."""
LAST_RUN = "last_run.json"

_UNWRITABLE = frozenset(
    {errno.EACCES, errno.EDQUOT, errno.ENOSPC, errno.ENOTDIR, errno.EPERM, errno.EROFS}
)


@dataclass(frozen=True)
class Step:
    """What is made of a chunk: `function(chunk, path, **settings, **where)` writes it at `path`.

    The function has no other way to the parameters, so none can shape a result unnoticed. It
    stands at the top of a module of avvla, which workers import.
    """

    function: Callable[..., None]
    settings: Mapping[str, Any]
    """Sections of the parameters and plain values that shape the result."""
    where: Mapping[str, Any]
    """Where things lie on this machine, which does not shape the result."""
    suffix: str = ""
    """Of the result's name: `.parquet`; a folder has none."""


@dataclass(frozen=True)
class Store:
    """The kept results of one stage."""

    folder: Path
    record: Path
    variable: str = "AVVLA_WORK"
    """What moves the folder elsewhere, for advice."""
    keep_days: float = KEEP_DAYS

    @classmethod
    def of_stage(cls, work: Path, stage: str) -> Store:
        """The store of a stage in the work folder."""
        return cls(work / stage, work / stage / LAST_RUN)

    def path(self, step: Step, chunk: int, inputs: Any) -> Path:
        """Where the result of a chunk lies; `inputs` are the hashes of what it is made from."""
        facts = {
            "code": identity(step.function.__module__),
            "function": step.function.__qualname__,
            "inputs": inputs,
            "settings": dict(step.settings),
        }
        text = json.dumps(facts, default=_plain, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return self.folder / f"chunk_{chunk:04d}_{digest}{step.suffix}"

    def results(
        self, step: Step, inputs: Mapping[int, Any], workers: int, describe: str
    ) -> dict[int, Path]:
        """The results of all chunks, in their order; those that are not there are made.

        Args:
            step: what to make of a chunk.
            inputs: by chunk, the hashes of what its result is made from.
            workers: processes at a time.
            describe: a verb, for the progress bar and in errors.

        Raises:
            UserError: as `map_chunks`, or results cannot be written.
        """
        paths = {chunk: self.path(step, chunk, facts) for chunk, facts in inputs.items()}
        self.begin()
        missing = {chunk: path for chunk, path in paths.items() if not _touch(path)}
        make = partial(_make, self, step, identity(step.function.__module__), missing)
        spent_s = map_chunks(make, list(missing), workers, describe)
        for path in missing.values():
            if not path.exists():
                raise UserError(
                    f"{path} was made by another node and is not here: set {self.variable} to a"
                    " folder that every node sees under the same path"
                )
        self.note(
            kept_bytes=sum(_size(path) for path in paths.values()),
            computed=len(missing),
            cpu_s=sum(spent_s),
            reused=len(paths) - len(missing),
        )
        self._prune()
        return paths

    def begin(self) -> None:
        """Make the folders, and remove the record of the run before.

        Raises:
            UserError: they cannot be written.
        """
        with self.writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            self.record.parent.mkdir(parents=True, exist_ok=True)
            self.record.unlink(missing_ok=True)

    def note(self, *, kept_bytes: int, computed: int, cpu_s: float, reused: int) -> None:
        """Write the record of a run that ends well."""
        run = {
            "bytes": kept_bytes,
            "computed": computed,
            "cpu_s": round(cpu_s, 3),
            "reused": reused,
        }
        with replacing(self.record) as temporary:
            temporary.write_text(json.dumps(run, sort_keys=True) + "\n")

    def discard(self, path: Path) -> None:
        """Remove a result; a process that is killed meanwhile leaves no part under its name."""
        name = path.name.lstrip(".")
        doomed = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=self.folder))
        with contextlib.suppress(FileNotFoundError):  # another run removed it first
            path.rename(doomed / path.name)
        shutil.rmtree(doomed, ignore_errors=True)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Tell as a UserError what the system refuses to write."""
        try:
            yield
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
            free_gb = free_bytes(self.folder) / 1e9
            raise UserError(
                f"{self.folder} cannot be written ({error.strerror}, {free_gb:.1f} GB free): make"
                f" room, or set {self.variable} to another folder"
            ) from error

    def _prune(self) -> None:
        now = time.time()
        for pattern, days in (("chunk_*", self.keep_days), (".chunk_*", ABANDONED_DAYS)):
            for path in self.folder.glob(pattern):
                with contextlib.suppress(FileNotFoundError):
                    if now - path.stat().st_mtime > days * 86400.0:
                        self.discard(path)


def free_bytes(folder: Path) -> int:
    """Bytes free where `folder` is, or would be made."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(existing).free


def _make(store: Store, step: Step, code: str, paths: Mapping[int, Path], chunk: int) -> float:
    """Make one result; the seconds of processor time that it took."""
    if identity(step.function.__module__) != code:
        raise UserError(
            f"{socket.gethostname()} has other code or libraries than the host of the stage, or"
            " they changed while it ran: install one revision and requirements/*.lock everywhere"
        )
    path, begin_s = paths[chunk], time.process_time()
    with store.writing():
        # Named by chance, as a second worker may be at the same chunk on another node.
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=store.folder))
        try:
            step.function(chunk, temporary / path.name, **step.settings, **step.where)
            _settle(temporary / path.name)
            try:
                (temporary / path.name).replace(path)
            except OSError:
                if not path.exists():
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return time.process_time() - begin_s


def _settle(path: Path) -> None:
    """Have a result's bytes on the disk before its name: a name is trusted for ever."""
    for file in _files(path):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())


def _touch(path: Path) -> bool:
    """Mark a result as used now; False if it is not there."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except PermissionError:  # of another user, who has it pruned
        return True
    return True


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in _files(path))


def _files(path: Path) -> list[Path]:
    return [file for file in (path, *path.rglob("*")) if file.is_file()]


def _plain(value: Any) -> Any:
    """A section of the parameters as plain values, for its hash."""
    return value.model_dump()

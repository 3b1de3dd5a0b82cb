"""Files of a data set on the hub, brought into the snapshot of one revision."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from avvla.errors import UserError
from avvla.physical_ai import layout


def fetch_files(repo_id: str, revision: str, paths: Iterable[str], data_root: Path) -> list[str]:
    """Have `paths` of a data set at a revision in the hub cache at `data_root`.

    Nothing is transferred: the files have to be there.

    Args:
        repo_id: the data set on the hub.
        revision: a commit, 40 hexadecimal digits.
        paths: files inside the repository; one that ends with `/` stands for all files below it.
        data_root: folder of the hub cache.

    Returns: the files, sorted.

    Raises:
        UserError: a file is missing, or a folder has none.
    """
    snapshot = layout.snapshot(data_root, repo_id, revision)
    found: set[str] = set()
    for path in paths:
        files = _below(snapshot, path) if path.endswith("/") else {path}
        if not files or not all((snapshot / file).is_file() for file in files):
            raise UserError(
                f"{path} of {repo_id} at {revision} is not in {snapshot}: bring it there with"
                " `hf download` and its --cache-dir"
            )
        found |= files
    return sorted(found)


def _below(snapshot: Path, folder: str) -> set[str]:
    files = (path for path in (snapshot / folder).rglob("*") if path.is_file())
    return {path.relative_to(snapshot).as_posix() for path in files}

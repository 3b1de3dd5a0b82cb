"""What the download stage brings of L2D: the state and one camera of some drives, at a commit.

A drive is used if it gives at least one t0, which its state tables tell: they are fetched in the
order of the data set until there are enough drives, and videos for the chosen drives alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from avvla.errors import UserError
from avvla.l2d import layout
from avvla.l2d.clip import Clip, cut
from avvla.l2d.frames import read_frames
from avvla.l2d.metadata import Episode, files_of, read_drives, read_info
from avvla.physical_ai.manifest import File, Manifest, Reading

if TYPE_CHECKING:
    from avvla.config import Dataset


class Transfer(Protocol):
    """Brings files of the data set into the snapshot."""

    def below(self, folder: str) -> tuple[str, ...]:
        """Paths of all files below a folder."""

    def bring(self, paths: Iterable[str]) -> tuple[File, ...]:
        """Have files in the snapshot."""

    def bring_chunks(self, paths: Mapping[int, Sequence[str]], workers: int) -> tuple[File, ...]:
        """Have the files of drives, by their number, in the snapshot; each is told once."""


def fetch(
    dataset: Dataset, folder: Path, revision: str, transfer: Transfer, workers: int
) -> Manifest:
    """Have the drives that `dataset.l2d` chooses in a snapshot.

    Args:
        dataset: the parameters `dataset`.
        folder: the snapshot.
        revision: its commit.
        transfer: brings files there.
        workers: drives at a time.

    Raises:
        UserError: a file cannot be had or read, or there are fewer drives than asked for.
    """
    wanted = dataset.l2d
    tables = sorted(transfer.below(layout.EPISODES))
    metadata = transfer.bring([layout.INFO, *tables])
    info = read_info(folder, dataset.camera)
    drives = read_drives(folder, tables, dataset.camera)
    policies = (layout.EXPERT, layout.STUDENT) if wanted.student else (layout.EXPERT,)
    chosen: dict[str, int] = {}
    passed_over: dict[str, str] = {}
    numbers = {session: i for i, session in enumerate(drives)}
    for session in _candidates(wanted.sessions, drives):
        if len(chosen) == wanted.drives and not wanted.sessions:
            break
        transfer.bring(sorted({episode.data for episode in drives[session]}))
        clips = cut(session, read_frames(folder, drives[session], info, policies))
        problem = _problem(clips.values(), dataset)
        if problem:
            passed_over[session] = problem
        else:
            chosen[session] = numbers[session]
    _check(chosen, passed_over, dataset)
    paths = {number: files_of(drives[session]) for session, number in chosen.items()}
    files = (*metadata, *transfer.bring_chunks(paths, workers))
    return Manifest(
        source="l2d",
        repo_id=wanted.repo_id,
        revision=revision,
        camera=dataset.camera,
        files=tuple(sorted(files, key=lambda file: file.path)),
        reading=Reading(drives=chosen, policies=policies, hfov_deg=wanted.hfov_deg),
    )


def _candidates(sessions: tuple[str, ...], drives: dict[str, list[Episode]]) -> Iterator[str]:
    """The drives to look at: those that are named, or all in the order of the data set."""
    for session in sessions or drives:
        if session not in drives:
            raise UserError(
                f"dataset.l2d.sessions names {session!r}, which is none of the {len(drives)} drives"
                " (session_id) of this revision"
            )
        yield session


def _problem(clips: Iterable[Clip], dataset: Dataset) -> str:
    """Why a drive gives no t0, "" if it does."""
    reasons = set()
    for clip in clips:
        if clip.problem:
            reasons.add(clip.problem)
        elif len(clip.t0_grid(dataset.t0_start_s, dataset.t0_stride_s)):
            return ""
        else:
            reasons.add("no stretch with 1.5 s before and 6.4 s after a t0")
    return ", ".join(sorted(reasons)) or "nothing driven under the chosen policies"


def _check(chosen: dict[str, int], passed_over: dict[str, str], dataset: Dataset) -> None:
    wanted = dataset.l2d
    told = "; ".join(f"{session}: {problem}" for session, problem in passed_over.items())
    if wanted.sessions and passed_over:
        raise UserError(f"drives of dataset.l2d.sessions give no sample ({told}): leave them out")
    if not wanted.sessions and len(chosen) < wanted.drives:
        raise UserError(
            f"dataset.l2d.drives is {wanted.drives}, {wanted.repo_id} has {len(chosen)} that give a"
            f" sample ({told or 'none was passed over'}): ask for fewer, or set dataset.l2d.student"
        )

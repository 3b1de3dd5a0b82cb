"""A score that can be stood behind: the devkit's table checked against itself and its split.

A scene on which the agent failed counts as 0 (the devkit leaves it out of its mean). A score is
refused where scenes are missing, where its totals do not follow from its rows, and without version,
split and commit, because a number alone can be any of a dozen metrics.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from avvla.errors import UserError, one_of
from avvla.files import hash_file
from avvla.navsim import leaderboard
from avvla.navsim.checks import check_summaries, follows, stages
from avvla.navsim.leaderboard import Board
from avvla.navsim.table import COMBINED, SCORE, VERSIONS, Table, Version, read_table


class Split(NamedTuple):
    """Scenes of a split: logged ones, and those of the second stage (0: there is none)."""

    scenes: int
    second_stage: int = 0


SPLITS = {
    "navhard_two_stage": Split(450, 5462),
    "navmini": Split(396),
    "navtest": Split(12146),
    "navtrain": Split(103288),
    "warmup_two_stage": Split(16, 204),
}
"""Counted in the devkit's scene filters (autonomousvision/navsim 0a380a9)."""

COMMITS: dict[str, Version] = {
    "0811876c274e8b058ab2be9b3dcd4d37bd23f177": "v1.1",  # the tag v1.1
    "0a380a9063d7162ec93d0f51e9990ebac585f720": "v2.2",  # main
    "359c7f72304bfa8273e754224a213d3751bd2340": "v2.2",  # the tag v2.2, with the filter mended
    "3e8291bfa89ff247231e0227778840cd0a036896": "v1.1",  # the branch v1.1
}


@dataclass(frozen=True)
class Result:
    """A checked score and what it is of; all scores in [0, 1]."""

    version: Version
    split: str
    commit: str
    csv_sha256: str
    scenes: int
    failed: tuple[str, ...]
    """Tokens of the scenes that count as 0, sorted."""
    score: float
    devkit_score: float
    """The devkit's own total, which leaves failed scenes out."""
    means: dict[str, float]
    """Of each sub-score over all scenes that have it; failed ones count as 0. In two stages the
    devkit's, which weights the second one."""
    filter_mended: bool | None
    """v2.2: whether all scores follow from their sub-scores, as since the fix of 2025-09-29."""

    @property
    def metric(self) -> str:
        """PDMS, or EPDMS."""
        return "PDMS" if self.version == "v1.1" else "EPDMS"

    @property
    def board(self) -> Board | None:
        """Published figures that it can be compared with."""
        return leaderboard.board(self.version, self.split, mended=bool(self.filter_mended))

    def metrics(self) -> dict[str, Any]:
        """Content of metrics.json: scores in [0, 1], published figures in percent."""
        board = self.board
        return {
            "canaries": {
                "constant_velocity": leaderboard.CONSTANT_VELOCITY,
                "human": leaderboard.HUMAN,
                "of": "PDMS on navtest, NAVSIM v1.1",
            },
            "commit": self.commit,
            "csv_sha256": self.csv_sha256,
            "devkit_score": self.devkit_score,
            "failed": len(self.failed),
            "failed_tokens": list(self.failed),
            "filter_mended": self.filter_mended,
            "leaderboard": None
            if board is None
            else {**board._asdict(), "entries": [entry._asdict() for entry in board.entries]},
            "means": self.means,
            "metric": self.metric,
            "scenes": self.scenes,
            "score": self.score,
            "split": self.split,
            "version": self.version,
        }


def import_scores(path: Path, version: str, split: str, commit: str) -> Result:
    """Read and check the devkit's CSV.

    Raises:
        UserError: version, split or commit are unknown or do not fit the file or each other, scenes
            are missing, or the file contradicts itself.
    """
    kind = one_of("--version", version, VERSIONS)
    one_of("--split", split, tuple(SPLITS))
    _check_commit(commit, kind)
    table = read_table(path)
    _check_kind(path, table, kind, split)
    failed = tuple(
        sorted(name for name, valid in zip(table.token, table.valid, strict=True) if not valid)
    )
    two = table.layout.two_stages
    if two and (failed or not table.summary_valid[COMBINED]):
        raise UserError(
            f"{path}: {len(failed)} scenes failed{', first ' + failed[0] if failed else ''}, and"
            f" {COMBINED} is not valid then, because the second stage could not be weighted: mend"
            " what the devkit's log says of them and run it again"
        )
    found = stages(path, table)
    _check_count(path, [len(table.token)] if not two else [len(s.token) for s in found], split)
    follow = [follows(path, stage, kind) for stage in found]
    check_summaries(path, table, found)
    total = table.summary[table.layout.summaries[-1]][SCORE]
    return Result(
        version=kind,
        split=split,
        commit=commit,
        csv_sha256=hash_file(path),
        scenes=len(table.token),
        failed=failed,
        score=total if two else float(found[0].score.sum()) / len(table.token),
        devkit_score=total,
        means=_means(table, failed),
        filter_mended=all(follow) if kind == "v2.2" else None,
    )


def _means(table: Table, failed: tuple[str, ...]) -> dict[str, float]:
    """Of each sub-score; see `Result.means`."""
    if table.layout.two_stages:
        return {name: table.summary[COMBINED][name] for name in table.layout.columns[:-1]}
    found = {}
    for name in table.layout.columns:
        value = table.value[name][table.valid]
        known = value[np.isfinite(value)]
        if name != SCORE:
            found[name] = float(known.sum()) / max(len(known) + len(failed), 1)
    return found


def _check_commit(commit: str, version: Version) -> None:
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise UserError(
            f"--commit is {commit!r}, expected 40 hexadecimal digits: `git -C $NAVSIM_DEVKIT_ROOT"
            " rev-parse HEAD` tells them"
        )
    known = COMMITS.get(commit, version)
    if known != version:
        raise UserError(f"--commit {commit} is of NAVSIM {known}, but --version is {version}")


def _check_kind(path: Path, table: Table, version: Version, split: str) -> None:
    layout = table.layout
    if layout.version != version:
        raise UserError(
            f"{path} was written by {layout.what}, but --version is {version}: the two metrics"
            f" cannot be compared; give --version {layout.version}, with the commit that was run"
        )
    two = SPLITS[split].second_stage > 0
    if layout.two_stages != two:
        raise UserError(
            f"{path} was written by {layout.what}, but the split {split} has"
            f" {'two stages' if two else 'one stage'}: give the --split that was run"
        )


def _check_count(path: Path, got: list[int], split: str) -> None:
    expected = [count for count in SPLITS[split] if count]
    if got != expected:
        raise UserError(
            f"{path} has {' + '.join(map(str, got))} scenes, {split} has"
            f" {' + '.join(map(str, expected))}: the devkit leaves out scenes without logs or"
            " metric cache; complete these and score all, or give the --split that was run"
        )

"""Alpamayo's texts: what its labeller is asked for, the tables that it writes, what they decide.

    windows.parquet                       asked: clip_id, chunk, t0_us [us]
    $AVVLA_ALPAMAYO/chunk_NNNN.parquet    answered by docker/labeler, a row for each sample of a t0:
                                          clip_id, t0_us [us], sample, cot, trajectory, model,
                                          model_revision

A text is about its own t0 and no other. Several samples of one t0 are a vote: a command of all is
certain, one of more than half is likely, and without one the samples disagree.

The tables lie outside the project, as raw logs do. The parameter `label.texts` is a hash over all
that are read, so a change of theirs is a change of the parameters.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from avvla.errors import UserError
from avvla.files import chunk_file, hash_file
from avvla.labels.coc import parse
from avvla.labels.events import Events
from avvla.labels.instruction import LIKELY, UNKNOWN, Instruction, unknown
from avvla.logs.interface import Logs
from avvla.physical_ai.manifest import Manifest

NOT_LABELLED = "not labelled"
DISAGREE = "the samples disagree"

EARLIEST_US = 1_600_000
"""NVIDIA's loader of Alpamayo's inputs refuses a t0 that is not above it."""

_COLUMNS = {
    "clip_id": pa.string(),
    "t0_us": pa.int64(),
    "sample": pa.int32(),
    "cot": pa.string(),
    "model": pa.string(),
    "model_revision": pa.string(),
}
_KEY = ["clip_id", "t0_us", "sample"]
_UNREADABLE = (OSError, ValueError, LookupError, pa.ArrowException)
_REMAKE = "run docker/labeler/label.py again"


@dataclass(frozen=True)
class Texts:
    """The texts of one chunk."""

    sha256: str
    """Of the file that they were read from."""
    by_clip: Mapping[str, Events]
    """By clip (t0 [us], text), by time and sample."""


def check_layout(listing: Manifest) -> None:
    """Refuse raw logs that the labeller cannot read.

    Raises:
        UserError: they are not in NVIDIA's layout.
    """
    if listing.source == "l2d":
        raise UserError(
            "the manifest lists drives of L2D, and Alpamayo's labeller reads NVIDIA's layout alone:"
            " set label.source to instruction, kinematic or fixed"
        )


def asked(logs: Logs, chunks: Sequence[int], t0_start_s: float, t0_stride_s: float) -> pd.DataFrame:
    """What the labeller is asked for: every t0 of `chunks`, sorted.

    Raises:
        UserError: a t0 is too early for Alpamayo, a chunk cannot be read, or there is no t0.
    """
    if round(t0_start_s * 1e6) <= EARLIEST_US:
        raise UserError(
            f"dataset.t0_start_s is {t0_start_s}, expected more than {EARLIEST_US / 1e6} s, which"
            " Alpamayo's inputs need before t0"
        )
    parts = [
        pd.DataFrame({"clip_id": clip, "chunk": chunk, "t0_us": t0_us})
        for chunk in chunks
        for clip in logs.clip_ids(chunk)
        if len(t0_us := logs.t0_grid(clip, t0_start_s, t0_stride_s))
    ]
    if not parts:
        raise UserError(f"no clip has a t0 from {t0_start_s} s on: lower dataset.t0_start_s")
    return pd.concat(parts, ignore_index=True)


def tables(folder: Path, chunks: Sequence[int], digest: str) -> dict[int, Path]:
    """The tables of `chunks`, by chunk.

    Args:
        folder: where they lie.
        chunks: all chunks that are to be labelled.
        digest: the hash that they must have, `label.texts`.

    Raises:
        UserError: a table is missing, or the hash is another.
    """
    paths = {chunk: folder / chunk_file(chunk) for chunk in chunks}
    missing = [path.name for path in paths.values() if not path.is_file()]
    if missing:
        raise UserError(
            f"{folder} lacks {len(missing)} of {len(paths)} tables, {missing[0]} first: {_REMAKE},"
            " or set AVVLA_ALPAMAYO to the folder that it wrote"
        )
    hashes = {path.name: hash_file(path) for path in paths.values()}
    found = hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()
    if found != digest:
        raise UserError(
            f"label.texts is {digest!r}, but the tables in {folder} have {found}: if these are the"
            f" texts to train on, set label.texts={found}"
        )
    return paths


def read(path: Path) -> Texts:
    """Read the table of one chunk.

    Raises:
        UserError: it cannot be read, or is not as the labeller writes it.
    """
    try:
        content = path.read_bytes()
        # Without what pandas keeps in the schema, which decides nothing here and may be damaged.
        table = pq.read_table(io.BytesIO(content)).replace_schema_metadata()
        found = dict(zip(table.schema.names, table.schema.types, strict=True))
        fits = all(found.get(name) == kind for name, kind in _COLUMNS.items())
        if not fits or any(table[name].null_count for name in _COLUMNS):
            raise ValueError(f"expected full columns {', '.join(_COLUMNS)}")
        rows = table.select(list(_COLUMNS)).to_pandas().sort_values(_KEY, ignore_index=True)
    except _UNREADABLE as error:
        problem = " ".join(f"{type(error).__name__}: {error}".split())
        raise UserError(f"{path} cannot be read ({problem}): {_REMAKE}") from None
    repeated = rows[rows.duplicated(_KEY)]
    if len(repeated):
        clip_id, t0_us = repeated.iloc[0]["clip_id"], repeated.iloc[0]["t0_us"]
        raise UserError(f"{path} has clip {clip_id} at {t0_us} us twice: {_REMAKE}")
    models = rows[["model", "model_revision"]].drop_duplicates()
    if len(models) != 1:
        raise UserError(
            f"{path} has texts of {len(models)} models, expected those of one: {_REMAKE}, with"
            " another --output"
        )
    return Texts(
        hashlib.sha256(content).hexdigest(),
        {
            str(clip): list(zip(of_clip["t0_us"].tolist(), of_clip["cot"].tolist(), strict=True))
            for clip, of_clip in rows.groupby("clip_id")
        },
    )


def written(texts: Events, t0_us: NDArray[np.int64]) -> list[Instruction]:
    """What the texts of a clip say about each t0 (K,): the source `alpamayo`."""
    by_time: dict[int, list[str]] = {}
    for time_us, text in texts:
        by_time.setdefault(time_us, []).append(text)
    return [
        agreed(by_time[time_us]) if time_us in by_time else unknown(NOT_LABELLED)
        for time_us in t0_us.tolist()
    ]


def agreed(texts: Sequence[str]) -> Instruction:
    """The instruction of one t0 whose samples are `texts`, at least one.

    It is the first that has the command of the most, if they are more than half of all.
    """
    parsed = [parse(text) for text in texts]
    votes = Counter(one.command.text for one in parsed if one.confidence != UNKNOWN)
    if not votes:
        return parsed[0]
    ((command, count),) = votes.most_common(1)
    if 2 * count <= len(parsed):
        return unknown(DISAGREE, parsed[0].text)
    first = next(one for one in parsed if one.confidence != UNKNOWN and one.command.text == command)
    return first if count == len(parsed) else dataclasses.replace(first, confidence=LIKELY)

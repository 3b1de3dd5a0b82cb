"""Which labels a person looks at: a few of each command, of as many clips as there are.

Every command gets the same number of samples, as far as it has them, because most driving follows
the lane. The order is that of a hash of clip and t0: the same labels give the same samples, those
of other clips do not change it, and a reader cannot guess the next command.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from avvla.errors import UserError

COLUMNS = (
    "clip_id",
    "t0_us",
    "command",
    "object",
    "cause",
    "text",
    "source",
    "confidence",
    "reason",
    "consistent",
)
REMAKE = "make the labels with `dvc repro --force label`"


def load_labels(folder: Path) -> pd.DataFrame:
    """The label rows of all chunks in a folder.

    Raises:
        UserError: there are none, one has no command, or a file is damaged or of another version.
    """
    paths = sorted(folder.glob("chunk_*.parquet"))
    if not paths:
        raise UserError(f"{folder} has no labels: {REMAKE}")
    tables = []
    for path in paths:
        try:
            tables.append(pq.read_table(path, columns=list(COLUMNS)).select(list(COLUMNS)))
        except (OSError, KeyError, pa.ArrowException) as error:
            line = " ".join(str(error).split())
            raise UserError(f"{path} cannot be read ({line}): {REMAKE}") from None
    labels: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    if labels.empty or labels["command"].isna().any():
        without = "rows without a command" if len(labels) else "tables, but no row in them"
        raise UserError(f"{folder} has {without}: {REMAKE}")
    return labels


def choose(labels: pd.DataFrame, samples: int) -> pd.DataFrame:
    """At most `samples` rows of a label table, in the order in which they are shown."""
    counts = {str(text): int(n) for text, n in labels["command"].value_counts().items()}
    chosen = []
    for text, quota in quotas(counts, samples).items():
        rows = labels[labels["command"] == text]
        rows = rows.assign(place=_places(rows)).sort_values("place")
        # Neighbouring t0 of a clip look alike: each clip once before any clip twice.
        rows = rows.assign(turn=rows.groupby("clip_id").cumcount())
        chosen.append(rows.sort_values(["turn", "place"]).head(quota))
    shown = pd.concat(chosen).sort_values("place", ignore_index=True)
    return shown.drop(columns=["place", "turn"])


def quotas(counts: Mapping[str, int], samples: int) -> dict[str, int]:
    """Samples of each command: alike for all, and no more than its rows.

    The rarest goes first, so that what it cannot fill is shared by the others.
    """
    left, result = samples, {}
    ordered = sorted(counts.items(), key=lambda item: (item[1], item[0]))
    for place, (text, count) in enumerate(ordered):
        result[text] = min(count, left // (len(ordered) - place))
        left -= result[text]
    return result


def _places(rows: pd.DataFrame) -> list[str]:
    return [
        sha256(f"{clip_id} {t0_us}".encode()).hexdigest()
        for clip_id, t0_us in zip(rows["clip_id"], rows["t0_us"], strict=True)
    ]

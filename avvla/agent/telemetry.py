"""The record of a drive: its last ticks in a ring, all of it in Parquet at the end."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from avvla.agent.loop import Tick
from avvla.files import replacing

RING = 600
"""Ticks that a live view has: one minute."""
SCHEMA = pa.schema(
    [
        ("time_s", pa.float64()),
        ("command", pa.string()),
        ("plan_age_s", pa.float64()),
        ("latency_s", pa.float64()),
        ("speed_mps", pa.float64()),
        ("planned_acceleration", pa.float64()),
        ("planned_curvature", pa.float64()),
        ("driven_acceleration", pa.float64()),
        ("driven_curvature", pa.float64()),
        ("reasons", pa.list_(pa.string())),
        ("faults", pa.list_(pa.string())),
    ]
)
"""Columns of a record; m/s^2 and 1/m. NaN where there was no plan."""
PART = 6000


class Recorder:
    """Takes ticks while they happen; its memory is that of the ring and of one part."""

    def __init__(self, file: pq.ParquetWriter | None) -> None:
        self.ring: deque[Tick] = deque(maxlen=RING)
        self._file, self._part = file, list[Tick]()

    def note(self, tick: Tick) -> None:
        """One tick."""
        self.ring.append(tick)
        if self._file is not None:
            self._part.append(tick)
            if len(self._part) == PART:
                self.flush()

    def flush(self) -> None:
        """Write what has not been written."""
        if self._file is not None and self._part:
            self._file.write_table(table(self._part))
        self._part = []


@contextmanager
def recording(path: Path | None) -> Iterator[Recorder]:
    """A recorder whose file (Parquet, SCHEMA) is there, whole, when the block has ended.

    Args:
        path: of the file; None: no file, the ring alone.
    """
    if path is None:
        yield Recorder(None)
        return
    with replacing(path) as temporary, pq.ParquetWriter(temporary, SCHEMA) as file:
        recorder = Recorder(file)
        yield recorder
        recorder.flush()


def table(ticks: Iterable[Tick]) -> pa.Table:
    """Ticks as rows of SCHEMA."""
    return pa.Table.from_pylist(
        [
            {
                "time_s": tick.time_s,
                "command": tick.command,
                "plan_age_s": tick.plan_age_s,
                "latency_s": tick.latency_s,
                "speed_mps": tick.speed_mps,
                "planned_acceleration": tick.planned.acceleration,
                "planned_curvature": tick.planned.curvature,
                "driven_acceleration": tick.driven.acceleration,
                "driven_curvature": tick.driven.curvature,
                "reasons": list(tick.reasons),
                "faults": list(tick.faults),
            }
            for tick in ticks
        ],
        SCHEMA,
    )


def summary(ticks: Sequence[Tick]) -> dict[str, float | int]:
    """Counts of ticks with an intervention or a fault, percentiles of latency and age [ms]."""
    found: dict[str, float | int] = {
        "ticks": len(ticks),
        "interventions": sum(bool(tick.reasons) for tick in ticks),
        "faults": sum(bool(tick.faults) for tick in ticks),
    }
    for name in ("latency_s", "plan_age_s"):
        values = np.array([getattr(tick, name) for tick in ticks])
        values = values[np.isfinite(values)]
        for q in (50, 99):
            label = f"{name.removesuffix('_s')}_p{q}_ms"
            found[label] = float(np.percentile(values, q) * 1e3) if len(values) else 0.0
    return found


def faults(ticks: Sequence[Tick]) -> Counter[str]:
    """In how many ticks each fault was named."""
    return Counter(fault for tick in ticks for fault in dict.fromkeys(tick.faults))

"""meta/calibration.parquet of a data set: the camera behind the images, a row an episode.

    clip_id, camera                       the recording, and the feature of its camera
    width, height, cx, cy                 [px] of the recorded image, before the crop
    fw_poly, bw_poly                      5 coefficients each: angle [rad] -> radius [px], and back
    position, quaternion                  sensor to rig: (x, y, z) [m], (x, y, z, w), or null
    rows, columns                         (first, end) that the square shows [px]; see Crop.shown

A pixel (column, row) of the square image of side S shows the recorded pixel

    columns[0] + (column + 0.5) / S (columns[1] - columns[0]) - 0.5,  and the rows alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from avvla.logs.interface import Logs
from avvla.physical_ai.camera import Crop

FILE = "calibration.parquet"
_SCHEMA = pa.schema(
    {
        "clip_id": pa.string(),
        "camera": pa.string(),
        "width": pa.int64(),
        "height": pa.int64(),
        "cx": pa.float64(),
        "cy": pa.float64(),
        "fw_poly": pa.list_(pa.float64(), 5),
        "bw_poly": pa.list_(pa.float64(), 5),
        "position": pa.list_(pa.float64(), 3),
        "quaternion": pa.list_(pa.float64(), 4),
        "rows": pa.list_(pa.int64(), 2),
        "columns": pa.list_(pa.int64(), 2),
    }
)


def write(logs: Logs, clip_ids: Iterable[str], camera: str, crop: Crop, path: Path) -> None:
    """Write the calibration of clips, in their order, and the name of their `camera`.

    Raises:
        UserError: a clip has none.
    """
    rows = []
    for clip_id in clip_ids:
        model, pose = logs.camera(clip_id), logs.extrinsics(clip_id)
        shown_rows, shown_columns = crop.shown(model)
        rows.append(
            {
                "clip_id": clip_id,
                "camera": camera,
                **vars(model),
                **({} if pose is None else vars(pose)),
                "rows": shown_rows,
                "columns": shown_columns,
            }
        )
    pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), path)


def join(parts: Sequence[Path], path: Path) -> None:
    """Write the tables of shards, in their order, as one."""
    pq.write_table(pa.concat_tables(pq.read_table(part) for part in parts), path)

"""The calibration kept with a data set: every episode's camera and window."""

import numpy as np
import pyarrow.parquet as pq
from factory import CAMERA, camera

from avvla.dataset import builder, calibration
from avvla.physical_ai.camera import Crop, RigExtrinsics, front_camera_extrinsics
from avvla.physical_ai.reader import Clips


def test_every_episode_has_the_camera_of_its_clip(make_inputs, tmp_path):
    inputs = make_inputs(3)
    root = tmp_path / "lerobot"
    builder.build(inputs, root, 1)
    table = pq.read_table(root / "meta" / calibration.FILE).to_pylist()
    clips = Clips(inputs.listing, inputs.data_root)
    assert [row["clip_id"] for row in table] == [
        clip_id for chunk in inputs.listing.chunks for clip_id in clips.clip_ids(chunk)
    ]
    wanted, pose = camera(), front_camera_extrinsics()
    rows, columns = Crop.of(inputs.params.build).shown(wanted)
    for row in table:
        assert row["camera"] == CAMERA
        assert (row["width"], row["height"]) == (wanted.width, wanted.height)
        assert tuple(row["fw_poly"]) == wanted.fw_poly
        assert tuple(row["bw_poly"]) == wanted.bw_poly
        np.testing.assert_allclose(row["position"], pose.position)
        kept = RigExtrinsics(row["position"], row["quaternion"])  # q and -q are one rotation
        np.testing.assert_allclose(kept.rotation, pose.rotation, atol=1e-12)
        assert (tuple(row["rows"]), tuple(row["columns"])) == (rows, columns)

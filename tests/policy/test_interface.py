import subprocess
import sys

import numpy as np
import pytest

from avvla.policy.interface import ConstantVelocity, Observation


def observation(batch: int, size: int = 8) -> Observation:
    return Observation(
        image=np.zeros((batch, size, size, 3), np.uint8),
        speed_mps=np.linspace(0, 20, batch),
        heading_change_rad=np.zeros(batch),
        command=("Follow the lane",) * batch,
    )


def test_constant_velocity_drives_straight_on():
    plan = ConstantVelocity().plan(observation(3))
    assert plan.action.shape == (3, 64, 2)
    assert not plan.action.any()
    np.testing.assert_allclose(plan.trajectory[:, -1, 0], [0.0, 64.0, 128.0])
    np.testing.assert_allclose(
        plan.trajectory[:, :, 3], np.array([[0.0], [10.0], [20.0]]) + np.zeros(64)
    )
    assert not plan.trajectory[:, :, 1:3].any()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"image": np.zeros((2, 8, 9, 3), np.uint8)}, r"\(2, 8, 9, 3\)"),
        ({"image": np.zeros((2, 8, 8, 3), np.float32)}, "float32"),
        ({"image": np.zeros((8, 8, 3), np.uint8)}, r"\(8, 8, 3\)"),
        ({"speed_mps": np.zeros((2, 1))}, r"speed_mps has shape \(2, 1\)"),
        ({"heading_change_rad": np.zeros(3)}, r"heading_change_rad has shape \(3,\)"),
        ({"command": ("Follow the lane",)}, r"expected uint8 \(1, S, S, 3\)"),
    ],
)
def test_wrong_shapes_are_refused(change, told):
    good = observation(2)
    fields = {name: getattr(good, name) for name in Observation.__dataclass_fields__}
    with pytest.raises(ValueError, match=told):
        Observation(**(fields | change))


def test_interface_needs_no_torch():
    code = "import sys, avvla.policy.interface; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

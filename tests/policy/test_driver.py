import json

import numpy as np
import pytest
import torch
from policy_factory import observation

from avvla.errors import UserError
from avvla.physical_ai.camera import Crop
from avvla.policy.checkpoint import processors_of, save_checkpoint
from avvla.policy.configuration_field_agent import read_config
from avvla.policy.driver import FieldAgent
from avvla.policy.interface import Policy
from avvla.policy.modeling_field_agent import FieldAgentPolicy

SIZE = 64


def test_plan_is_the_policys_of_the_scaled_image(checkpoint, agent):
    seen = observation(1)
    batch = {
        "observation.images.front_wide": torch.tensor(
            seen.image.transpose(0, 3, 1, 2) / np.float32(255)
        ),
        "observation.state": torch.tensor(
            np.stack([seen.speed_mps, seen.heading_change_rad], -1).astype(np.float32)
        ),
        "task": list(seen.command),
    }
    driver: Policy = FieldAgent(checkpoint, "cpu")
    expected = agent.plan(processors_of(agent)[0](batch))
    np.testing.assert_allclose(driver.plan(seen).action, expected.action, rtol=0, atol=1e-5)
    np.testing.assert_allclose(driver.plan(seen).trajectory, expected.trajectory, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(driver.plan(seen).action, driver.plan(seen).action)


def test_the_number_of_flow_steps_is_a_parameter(checkpoint, agent):
    seen = observation(1)
    more = FieldAgent(checkpoint, "cpu", flow_steps=5).plan(seen).action
    assert np.abs(more - FieldAgent(checkpoint, "cpu").plan(seen).action).max() > 1e-3
    config = read_config(checkpoint)
    config.num_steps = 5
    policy = FieldAgentPolicy.from_pretrained(checkpoint, config=config)
    save_checkpoint(checkpoint, policy, *processors_of(policy))
    np.testing.assert_array_equal(more, FieldAgent(checkpoint, "cpu").plan(seen).action)


def test_the_camera_matters_unless_blind(checkpoint):
    seeing, blind = FieldAgent(checkpoint, "cpu"), FieldAgent(checkpoint, "cpu", blind=True)
    a, b = observation(1), observation(2)
    assert np.abs(seeing.plan(a).action - seeing.plan(b).action).max() > 1e-3
    np.testing.assert_array_equal(blind.plan(a).action, blind.plan(b).action)
    assert not np.array_equal(blind.plan(a).action, seeing.plan(a).action)


def test_a_camera_of_another_size_is_refused(checkpoint):
    with pytest.raises(UserError, match="the image is 32 px wide, expected 64 px"):
        FieldAgent(checkpoint, "cpu").plan(observation(1, size=32))


def test_a_checkpoint_says_what_its_pictures_keep(checkpoint):
    assert FieldAgent(checkpoint, "cpu").crop == Crop(10.0, 33.0, 50.0)
    path = checkpoint / "config.json"
    older = json.loads(path.read_text())
    del older["crop"]
    path.write_text(json.dumps(older))
    with pytest.raises(UserError, match=r"config\.json has no crop, .* train again") as caught:
        _ = FieldAgent(checkpoint, "cpu").crop
    assert "\n" not in str(caught.value)

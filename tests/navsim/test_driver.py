import io
import json

import numpy as np
import pytest
from devkit_double import agent_input
from test_observation import request

from avvla.config import Params
from avvla.errors import UserError
from avvla.navsim import wire
from avvla.navsim.driver import serve
from avvla.navsim.observation import observe
from avvla.physical_ai.camera import Crop


def answered(*messages):
    asked, replies = io.BytesIO(), io.BytesIO()
    for message in messages:
        wire.send(asked, **message)
    asked.seek(0)
    try:
        serve(asked, replies)
    finally:
        replies.seek(0)
        answered.found = list(iter(lambda: wire.receive(replies), None))
    return answered.found


@pytest.fixture
def told(settings):
    return {key: value for key, value in settings.items() if key != "driver"}


def test_each_request_has_its_reply(told):
    ready, first, refused, last = answered(
        {"settings": json.dumps(told)},
        request(),
        request(velocity=np.array([np.nan, 0.0])),
        request(agent_input(speed=5.0)),
    )
    assert ready["ready"] == 1
    assert first["poses"][-1].tolist() == pytest.approx([40.0, 0.0, 0.0])
    assert "velocity holds NaN" in str(refused["error"])
    assert last["poses"][-1].tolist() == pytest.approx([20.0, 0.0, 0.0])


def test_a_field_agent_plans_what_it_plans_anywhere_else(told, tmp_path):
    from avvla.policy.checkpoint import make_field_agent, processors_of, save_checkpoint
    from avvla.policy.driver import FieldAgent

    backbone = {"vision_width": 32, "vision_layers": 1, "text_width": 32, "text_layers": 2}
    build = {"image_size": 64, "crop_up_deg": 12.0, "aspect": "pad"}
    params = Params.model_validate({"build": build, "policy": {"backbone": backbone}})
    agent = make_field_agent(params, "cpu").eval()
    save_checkpoint(tmp_path / "agent", agent, *processors_of(agent))
    told |= {"policy": "field_agent", "checkpoint": str(tmp_path / "agent")}
    _, left, right = answered(
        {"settings": json.dumps(told)},
        request(agent_input(command=0)),
        request(agent_input(command=2)),
    )
    crop = Crop(12.0, 33.0, 50.0, "pad")
    seen = observe(request(agent_input(command=0)), crop, 64, told["commands"])
    expected = FieldAgent(tmp_path / "agent", "cpu").plan(seen).trajectory[0, :40, :3]
    np.testing.assert_allclose(left["poses"], expected, rtol=0, atol=1e-6)
    assert np.abs(left["poses"] - right["poses"]).max() > 1e-4


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"policy": "field_agent", "checkpoint": "/no/where"}, "config.json is missing"),
        ({"speed": 3}, "speed is 3: Extra inputs"),
    ],
)
def test_settings_that_cannot_be_driven_by_are_told_to_both_sides(told, changes, line):
    with pytest.raises(UserError, match=line):
        answered({"settings": json.dumps({**told, **changes})})
    assert line in str(answered.found[0]["error"])


@pytest.mark.parametrize("first", [None, {"image": 1}, {"settings": "{"}])
def test_what_is_no_agent_is_told(first):
    with pytest.raises(UserError, match="avvla navsim"):
        answered(*([] if first is None else [first]))


def test_a_request_that_is_cut_off_is_told(told):
    asked = io.BytesIO()
    wire.send(asked, settings=json.dumps(told))
    wire.send(asked, **request())
    asked = io.BytesIO(asked.getvalue()[:-5])
    with pytest.raises(UserError, match=r"a message ends after .*: expected an agent of NAVSIM"):
        serve(asked, io.BytesIO())

"""What a training begins with: either workload from a base, and what is refused."""

import re

import pytest
import torch
from hdf5_factory import PARAMS
from huggingface_hub import constants
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from smolvla_factory import CAMERAS, IMAGE_SIZE

from avvla.config import Params
from avvla.errors import UserError
from avvla.policy import base
from avvla.policy.checkpoint import (
    load_checkpoint,
    make_field_agent,
    processors_of,
    save_checkpoint,
)
from avvla.policy.robot import Shapes, make_robot_policy

PROJECTIONS = ("model.state_proj.weight", "model.action_in_proj.weight", "model.action_out_proj.*")
THREE_CAMERAS = Shapes(cameras=CAMERAS, state=6, action=6)


def drives(digest, **policy):
    section = {"warm_start": digest, "max_dim": 32, "horizon_decay_s": 0.0, **policy}
    return Params.model_validate({"build": {"image_size": IMAGE_SIZE}, "policy": section})


def episodes(digest, **policy):
    section = {**PARAMS["policy"], "warm_start": digest, "max_dim": 32, **policy}
    return Params.model_validate(PARAMS | {"policy": section})


def statistics(shapes, mean, std):
    widths = {"observation.state": shapes.state, "action": shapes.action}
    return {
        name: {"mean": torch.full((width,), mean), "std": torch.full((width,), std)}
        for name, width in widths.items()
    }


def robot(params, shapes, folder, mean=0.0, std=1.0):
    return make_robot_policy(params, shapes, statistics(shapes, mean, std), "cpu", folder)


def assert_equal_weights(policy, wanted):
    state = policy.state_dict()
    assert state.keys() == wanted.keys()
    for name, value in state.items():
        assert torch.equal(value, wanted[name]), name


def test_a_field_agent_starts_from_another_robot_s_smolvla(imported, raw_batch, tmp_path, capsys):
    agent = make_field_agent(drives(imported.digest), "cpu").eval()
    wanted = imported.policy.state_dict()
    assert_equal_weights(agent, wanted)
    count = len(wanted)
    assert (
        f"warm start from {imported.digest[:12]}: {count} of the policy's {count} tensors are from"
        f" the base, 0 of the base's {count} are not used\n" in capsys.readouterr().out
    )
    assert (agent.config.chunk_size, list(agent.config.image_features)) == (
        64,
        ["observation.images.front_wide"],
    )
    batch = processors_of(agent)[0](raw_batch(2))
    assert torch.isfinite(agent.forward(batch)[0])
    plan = agent.plan(batch)
    assert plan.action.shape == (2, 64, 2)
    save_checkpoint(tmp_path / "agent", agent, *processors_of(agent))
    again = load_checkpoint(tmp_path / "agent", "cpu").policy
    assert (again.plan(batch).action == plan.action).all()


def test_a_base_s_weights_are_used_as_they_were(imported, tmp_path):
    made = robot(episodes(imported.digest, flow_steps=10), THREE_CAMERAS, tmp_path)
    assert_equal_weights(made.policy, imported.policy.state_dict())
    draw = torch.Generator().manual_seed(2)
    size = (2, 3, IMAGE_SIZE, IMAGE_SIZE)
    batch = {
        **{camera: torch.rand(size, generator=draw) for camera in CAMERAS},
        "observation.state": torch.rand(2, 6, generator=draw),
        "observation.language.tokens": torch.randint(0, 300, (2, 7), generator=draw),
        "observation.language.attention_mask": torch.ones(2, 7, dtype=torch.bool),
    }
    noise = torch.randn(2, 50, 32, generator=draw)
    theirs = imported.policy.predict_action_chunk(dict(batch), noise)
    assert torch.equal(made.policy.predict_action_chunk(dict(batch), noise), theirs)


def test_real_data_go_on_from_a_simulation_with_their_own_statistics(
    imported, tmp_path, monkeypatch
):
    simulated = robot(episodes(imported.digest), THREE_CAMERAS, tmp_path / "sim", 5.0, 2.0)
    with torch.no_grad():
        simulated.policy.model.state_proj.weight.add_(1.0)  # it has been trained
    save_checkpoint(tmp_path / "sim", *simulated)
    monkeypatch.setenv("AVVLA_BASE", str(tmp_path / "bases"))
    digest = base.keep(tmp_path / "bases", tmp_path / "sim", tmp_path / "sim" / "backbone")
    assert digest != imported.digest
    shapes = Shapes(cameras=CAMERAS[:2], state=12, action=6)
    real = robot(episodes(digest), shapes, tmp_path / "real", -1.0, 0.5)
    assert_equal_weights(real.policy, simulated.policy.state_dict())
    frame = {
        **{camera: torch.zeros(1, 3, IMAGE_SIZE, IMAGE_SIZE) for camera in shapes.cameras},
        "observation.state": torch.zeros(1, 12),
        "task": ["Insert the needle"],
    }
    seen = real.preprocessor(frame)["observation.state"]
    torch.testing.assert_close(seen, torch.full((1, 12), 2.0))
    assert (real.postprocessor(torch.ones(1, 6)) == -0.5).all()


def test_a_robot_s_checkpoint_is_a_base_for_a_field_agent(imported, tmp_path, monkeypatch):
    made = robot(episodes(imported.digest), THREE_CAMERAS, tmp_path / "robot")
    save_checkpoint(tmp_path / "robot", *made)
    monkeypatch.setenv("AVVLA_BASE", str(tmp_path / "bases"))
    digest = base.keep(tmp_path / "bases", tmp_path / "robot", tmp_path / "robot" / "backbone")
    agent = make_field_agent(drives(digest), "cpu")
    assert_equal_weights(agent, imported.policy.state_dict())
    save_checkpoint(tmp_path / "agent", agent, *processors_of(agent))
    again = base.keep(tmp_path / "bases", tmp_path / "agent", tmp_path / "agent" / "backbone")
    assert_equal_weights(make_field_agent(drives(again), "cpu"), imported.policy.state_dict())


def test_another_padded_width_is_refused_or_named(imported):
    with pytest.raises(UserError, match=r"model.state_proj.weight \(64, 2\), in the base \(64, 32"):
        make_field_agent(drives(imported.digest, max_dim=2), "cpu")
    params = drives(imported.digest, max_dim=2, unmatched=PROJECTIONS)
    one, other = (make_field_agent(params, "cpu").state_dict() for _ in range(2))
    wanted = imported.policy.state_dict()
    drawn = {name for name, value in one.items() if value.shape != wanted[name].shape}
    assert drawn == {*PROJECTIONS[:2], *(f"model.action_out_proj.{n}" for n in ("weight", "bias"))}
    for name, value in one.items():
        assert torch.equal(value, other[name]), name
        assert name in drawn or torch.equal(value, wanted[name]), name


def test_a_picture_has_to_fit_the_base_s_patches(imported):
    params = drives(imported.digest).model_copy(
        update={"build": Params().build.model_copy(update={"image_size": 80})}
    )
    with pytest.raises(UserError, match="image_size is 80 px, expected a multiple of 32 px"):
        make_field_agent(params, "cpu")


def test_the_state_s_projection_is_trained_unless_told(imported):
    for told in (True, False):
        policy = make_field_agent(drives(imported.digest, train_state_proj=told), "cpu")
        trained = {name for name, weight in policy.named_parameters() if weight.requires_grad}
        assert ("model.state_proj.weight" in trained) == told
        assert "model.action_in_proj.weight" in trained


def test_a_saved_warm_start_opens_in_lerobot(imported, tmp_path):
    made = robot(episodes(imported.digest), THREE_CAMERAS, tmp_path / "robot")
    save_checkpoint(tmp_path / "robot", *made)
    config = SmolVLAConfig.from_pretrained(tmp_path / "robot")
    config.vlm_model_name = str(tmp_path / "robot" / "backbone")
    opened = SmolVLAPolicy.from_pretrained(tmp_path / "robot", config=config, strict=True)
    assert_equal_weights(opened, imported.policy.state_dict())


@pytest.mark.parametrize("name", ["made-up/vlm", "/no/such/folder"])
def test_a_backbone_that_is_not_here_is_told_in_one_line(name, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    params = Params.model_validate({"policy": {"backbone": {"name": name}}})
    told = re.escape(f"policy.backbone.name is {name!r}, which is no whole backbone on this")
    with pytest.raises(UserError, match=told) as caught:
        make_field_agent(params, "cpu")
    assert "hf download" in str(caught.value)
    assert "\n" not in str(caught.value)

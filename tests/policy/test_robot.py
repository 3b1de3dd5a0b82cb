import json
import shutil
from pathlib import Path

import pytest
import torch
from hdf5_factory import PARAMS, SIZE, TASK
from lerobot.policies.factory import make_pre_post_processors
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

from avvla.config import Params
from avvla.errors import UserError
from avvla.policy.checkpoint import save_checkpoint
from avvla.policy.robot import Shapes, check_tasks, make_robot_policy

CAMERAS = ("observation.images.camera1", "observation.images.camera2")
SHAPES = Shapes(cameras=CAMERAS, state=12, action=6)
STATISTICS = {
    "observation.state": {"mean": torch.full((12,), 2.0), "std": torch.full((12,), 0.5)},
    "action": {"mean": torch.full((6,), -1.0), "std": torch.full((6,), 0.1)},
}
MODEL = Path("models/field_agent")


def make(folder=MODEL, **sections):
    params = Params.model_validate(
        {**PARAMS, **{name: {**PARAMS[name], **section} for name, section in sections.items()}}
    )
    return make_robot_policy(params, SHAPES, STATISTICS, "cpu", folder)


def observation():
    generator = torch.Generator().manual_seed(0)
    return {
        **{name: torch.rand(1, 3, SIZE, SIZE, generator=generator) for name in CAMERAS},
        "observation.state": torch.full((1, 12), 2.5),
        "task": [TASK],
    }


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """A checkpoint in a project's folder, the folder that Python runs in, and what it plans."""
    monkeypatch.chdir(tmp_path)
    checkpoint = make()
    checkpoint.policy.eval()
    save_checkpoint(MODEL, *checkpoint)
    batch = checkpoint.preprocessor(observation())
    planned = checkpoint.policy.predict_action_chunk(batch, torch.zeros(1, 50, 12))
    return checkpoint.postprocessor(planned)


def lerobots_plan(policy, folder, **overrides):
    pre, post = make_pre_post_processors(
        policy.config, pretrained_path=str(folder), preprocessor_overrides=overrides
    )
    return post(policy.predict_action_chunk(pre(observation()), torch.zeros(1, 50, 12)))


def test_lerobot_opens_the_checkpoint_from_the_project_s_root(saved):
    policy = SmolVLAPolicy.from_pretrained(MODEL)
    assert type(policy) is SmolVLAPolicy
    assert policy.config.type == "smolvla"
    assert (policy.config.chunk_size, list(policy.config.image_features)) == (50, list(CAMERAS))
    torch.testing.assert_close(lerobots_plan(policy, MODEL), saved, rtol=0, atol=0)


def test_a_checkpoint_that_was_moved_needs_the_name_of_its_backbone(saved, tmp_path, monkeypatch):
    moved = tmp_path / "elsewhere"
    shutil.move(MODEL, moved)
    backbone = str(moved / "backbone")
    config = SmolVLAConfig.from_pretrained(moved)
    config.vlm_model_name = backbone
    policy = SmolVLAPolicy.from_pretrained(moved, config=config)
    plan = lerobots_plan(policy, moved, tokenizer_processor={"tokenizer_name": backbone})
    torch.testing.assert_close(plan, saved, rtol=0, atol=0)


def test_the_checkpoint_says_nothing_of_this_machine(saved, tmp_path):
    for path in MODEL.rglob("*.json"):
        assert str(tmp_path) not in path.read_text()
        assert "/tmp" not in path.read_text()
    config = json.loads((MODEL / "config.json").read_text())
    assert config["vlm_model_name"] == "models/field_agent/backbone"


def test_plans_are_in_the_units_of_the_data(saved):
    assert saved.shape == (1, 50, 6)
    # An untrained policy plans within a few deviations of 0.1 around the mean.
    assert (saved + 1.0).abs().max() < 2.0


def test_state_is_normalised_by_the_statistics():
    batch = make().preprocessor(observation())
    torch.testing.assert_close(batch["observation.state"], torch.ones(1, 12))
    torch.testing.assert_close(batch[CAMERAS[0]], observation()[CAMERAS[0]])


def test_only_the_expert_and_the_state_projection_are_trained():
    policy = make().policy
    trained = {name for name, weight in policy.named_parameters() if weight.requires_grad}
    assert trained
    assert not [name for name in trained if ".vlm." in name]
    assert "model.state_proj.weight" in trained


def test_the_same_seed_draws_the_same_weights():
    ours, theirs = (make().policy.state_dict() for _ in range(2))
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name
    other = make(train={"seed": 8}).policy.state_dict()
    assert not torch.equal(other["model.state_proj.weight"], ours["model.state_proj.weight"])


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({"policy": {"max_dim": 6}}, "policy.max_dim is 6, expected 12 or more: the state has 12"),
        ({"policy": {"horizon_decay_s": 2.0}}, r"policy.horizon_decay_s = 2.0: these concern the"),
        ({"train": {"mirror": 0.5}}, r"train.mirror = 0.5: these concern the Field Agent alone"),
        ({"train": {"blind": True}}, r"train.blind = True: these concern the Field Agent alone"),
        ({"build": {"image_size": 40}}, "image_size is 40 px, expected a multiple of 32 px"),
    ],
)
def test_what_does_not_fit_is_refused(sections, told):
    with pytest.raises(UserError, match=told):
        make(**sections)


def test_a_task_that_would_be_cut_is_refused():
    checkpoint = make()
    check_tasks(checkpoint, [TASK])
    with pytest.raises(UserError, match=r"the task .* has \d+ tokens, expected at most 48"):
        check_tasks(checkpoint, [TASK, "?" * 60])

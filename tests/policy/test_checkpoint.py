import json
import shutil
import subprocess
import sys
from copy import copy
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from lerobot.configs import PreTrainedConfig
from lerobot.policies.factory import get_policy_class, make_policy
from safetensors.torch import load_file, save_file

from avvla.config import Params
from avvla.errors import UserError
from avvla.physical_ai.camera import Crop
from avvla.policy.backbone import build_backbone
from avvla.policy.checkpoint import (
    load_checkpoint,
    make_field_agent,
    processors_of,
    save_checkpoint,
)
from avvla.policy.configuration_field_agent import FieldAgentConfig
from avvla.policy.modeling_field_agent import FieldAgentPolicy


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_the_same_parameters_draw_the_same_weights(params, agent):
    torch.manual_seed(99)
    again = make_field_agent(params, "cpu")
    assert all(
        torch.equal(a, b) for a, b in zip(agent.parameters(), again.parameters(), strict=True)
    )
    other = make_field_agent(
        params.model_copy(update={"train": params.train.model_copy(update={"seed": 8})}), "cpu"
    )
    assert not torch.equal(next(agent.parameters()), next(other.parameters()))


def test_the_whole_network_starts_at_init_std_and_trains(agent, params):
    network = agent.model.vlm_with_expert
    for module in (network.vlm.model.vision_model, network.vlm.model.text_model, network.lm_expert):
        drawn = torch.cat([p.flatten() for n, p in module.named_parameters() if p.ndim == 2])
        assert drawn.std().item() == pytest.approx(params.policy.backbone.init_std, rel=0.1)
    assert all(p.requires_grad for p in network.vlm.model.vision_model.parameters())


def test_parameters_freeze_what_they_name(params):
    frozen = params.policy.model_copy(update={"train_expert_only": True, "freeze_vision": True})
    agent = make_field_agent(params.model_copy(update={"policy": frozen}), "cpu")
    vlm = agent.model.vlm_with_expert.vlm
    assert not any(p.requires_grad for p in vlm.parameters())
    assert all(p.requires_grad for p in agent.model.vlm_with_expert.lm_expert.parameters())


def test_parameters_reach_the_configuration():
    params = Params.model_validate(
        {
            "action": {"integrator": "trapezoid"},
            "build": {"image_size": 32, "crop_side_deg": 40.0, "aspect": "pad"},
            "policy": {
                "flow_steps": 5,
                "trajectory_loss": 0.1,
                "max_dim": 32,
                "speed_scale": 11.0,
                "heading_scale": 0.3,
                "acceleration_scale": 2.0,
                "curvature_scale": 0.01,
            },
        }
    )
    config = make_field_agent(params, "cpu").config
    assert (config.integrator, config.image_size, config.num_steps) == ("trapezoid", 32, 5)
    assert config.crop == Crop(10.0, 33.0, 40.0, "pad")
    assert (config.trajectory_loss, config.max_action_dim, config.max_state_dim) == (0.1, 32, 32)
    assert config.scales == (11.0, 0.3, 2.0, 0.01)


def test_padded_widths_plan_and_train(params, raw_batch):
    wide = params.policy.model_copy(update={"max_dim": 32, "trajectory_loss": 0.1})
    agent = make_field_agent(params.model_copy(update={"policy": wide}), "cpu")
    batch = processors_of(agent)[0](raw_batch(2))
    assert agent.plan(batch).action.shape == (2, 64, 2)
    loss, terms = agent.forward(batch)
    assert torch.isfinite(loss)
    assert set(terms) == {"loss_flow", "loss_trajectory"}


def test_same_weights_same_bytes_also_after_reloading(agent, checkpoint, tmp_path):
    written = contents(checkpoint)
    assert {"config.json", "model.safetensors", "backbone/tokenizer.json"} < written.keys()
    assert {"policy_preprocessor.json", "policy_postprocessor.json"} < written.keys()
    save_checkpoint(tmp_path / "again", agent, *processors_of(agent))
    assert contents(tmp_path / "again") == written
    save_checkpoint(tmp_path / "reloaded", *load_checkpoint(checkpoint, "cpu"))
    assert contents(tmp_path / "reloaded") == written
    assert {path.stat().st_mode & 0o444 for path in checkpoint.iterdir()} == {0o444}
    assert not [name for name, text in written.items() if b"/tmp" in text or b"pytest" in text]


def test_saving_replaces_the_folder_and_leaves_no_rest(agent, checkpoint):
    (checkpoint / "stale.txt").write_text("of the run before")
    save_checkpoint(checkpoint, agent, *processors_of(agent))
    assert not (checkpoint / "stale.txt").exists()
    assert list(checkpoint.parent.iterdir()) == [checkpoint]


def test_a_failed_save_keeps_the_old_checkpoint(agent, checkpoint, monkeypatch):
    before = contents(checkpoint)
    preprocessor, postprocessor = processors_of(agent)

    def full(_: Path) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(postprocessor, "save_pretrained", full)
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(checkpoint, agent, preprocessor, postprocessor)
    assert contents(checkpoint) == before
    assert list(checkpoint.parent.iterdir()) == [checkpoint]


def test_a_moved_checkpoint_plans_the_same(
    agent, batch, raw_batch, checkpoint, tmp_path, monkeypatch
):
    moved = checkpoint.rename(tmp_path / "moved")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    policy, preprocessor, postprocessor = load_checkpoint(moved, "cpu")
    got = preprocessor(raw_batch(3))
    np.testing.assert_array_equal(policy.plan(got).action, agent.plan(batch).action)
    chunk = postprocessor(policy.predict_action_chunk(got))
    np.testing.assert_array_equal(chunk.double().numpy(), agent.plan(batch).action)
    assert policy.config.vlm_model_name == "backbone"
    assert not policy.training


def test_the_checkpoints_own_backbone_wins_over_a_remembered_path(agent, batch, checkpoint):
    config = PreTrainedConfig.from_pretrained(checkpoint)
    config.vlm_model_name = "/of/the/machine/that/trained"
    policy = FieldAgentPolicy.from_pretrained(checkpoint, config=config)
    np.testing.assert_array_equal(policy.plan(batch).action, agent.plan(batch).action)


def test_a_plain_smolvla_is_a_warm_start(agent, params, batch, checkpoint, tmp_path):
    (checkpoint / "backbone").rename(tmp_path / "backbone")
    (checkpoint / "config.json").unlink()
    config = copy(agent.config)
    config.vlm_model_name = str(tmp_path / "backbone")
    policy = FieldAgentPolicy.from_pretrained(checkpoint, config=config)
    np.testing.assert_array_equal(policy.plan(batch).action, agent.plan(batch).action)


class Meta:
    """The part of a LeRobot data set's metadata that `make_policy` reads."""

    stats = None
    features: ClassVar = {
        "observation.images.front_wide": {
            "dtype": "video",
            "shape": (64, 64, 3),
            "names": ["height", "width", "channels"],
        },
        "observation.state": {"dtype": "float32", "shape": (2,), "names": ["v", "theta"]},
        "action": {"dtype": "float32", "shape": (64, 2), "names": None},
    }


def test_lerobots_own_loader_loads_a_moved_checkpoint(agent, batch, checkpoint, tmp_path):
    moved = checkpoint.rename(tmp_path / "moved")
    config = PreTrainedConfig.from_pretrained(moved)
    config.pretrained_path = moved
    policy = make_policy(config, ds_meta=Meta())
    np.testing.assert_array_equal(policy.plan(batch).action, agent.plan(batch).action)


def test_lerobots_own_factory_makes_a_new_policy(params, batch, tmp_path):
    build_backbone(tmp_path, params.policy.backbone, 64)
    config = FieldAgentConfig(vlm_model_name=str(tmp_path), device="cpu", num_vlm_layers=2)
    policy = make_policy(config, ds_meta=Meta())
    assert get_policy_class("field_agent") is type(policy) is FieldAgentPolicy
    assert torch.isfinite(policy.forward(batch)[0])


def test_lerobot_discovers_the_plug_in():
    code = (
        "from lerobot.configs.parser import load_plugin; load_plugin('avvla.policy');"
        "from lerobot.policies.factory import get_policy_class;"
        "print(get_policy_class('field_agent').__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["FieldAgentPolicy"]


def drop_key(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.state_proj.bias"]
    save_file(weights, folder / "model.safetensors")


def add_key(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file(weights | {"normalize.mean": torch.zeros(2)}, folder / "model.safetensors")


def widen(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_state_dim": 32}))


def truncate(name: str):
    def act(folder: Path) -> None:
        path = folder / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return act


def remove(name: str):
    return lambda folder: (folder / name).unlink()


TOKENIZER = "policy_preprocessor_step_3_field_agent_tokenizer.safetensors"


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (drop_key, r"1 keys missing \(model.state_proj.bias\), 0 keys unknown"),
        (add_key, r"0 keys missing, 1 keys unknown \(normalize.mean\)"),
        (widen, "does not fit its config.json: .*state_proj"),
        (truncate("model.safetensors"), "model.safetensors is damaged"),
        (remove("model.safetensors"), "model.safetensors is missing"),
        (remove("config.json"), "config.json is missing"),
        (truncate("config.json"), "config.json cannot be read"),
        (remove("backbone/config.json"), "backbone is damaged"),
        (lambda folder: shutil.rmtree(folder / "backbone"), "backbone is missing"),
        (remove("backbone/tokenizer.json"), "backbone is damaged"),
        (truncate("backbone/config.json"), "backbone is damaged"),
        (truncate("backbone/tokenizer.json"), "backbone is damaged"),
        (remove("policy_preprocessor.json"), "no usable processors"),
        (truncate("policy_preprocessor.json"), "no usable processors"),
        (remove(TOKENIZER), "no usable processors"),
        (truncate(TOKENIZER), "no usable processors"),
    ],
)
def test_a_damaged_checkpoint_is_told_in_one_line(harm, told, checkpoint):
    harm(checkpoint)
    with pytest.raises(UserError, match=told) as caught:
        load_checkpoint(checkpoint, "cpu")
    assert "\n" not in str(caught.value)


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(UserError, match=r"none/config\.json is missing"):
        load_checkpoint(tmp_path / "none", "cpu")


@pytest.mark.parametrize("device", ["warp", "cuda:77", ""])
def test_an_unusable_device_is_refused(device, checkpoint, params):
    for use in (
        lambda: load_checkpoint(checkpoint, device),
        lambda: make_field_agent(params, device),
    ):
        with pytest.raises(UserError, match=f"device is '{device}'"):
            use()

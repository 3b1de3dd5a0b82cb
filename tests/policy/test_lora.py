"""Adapters: what trains, that they are the base until they are trained, and that they merge."""

import json
import re
from copy import deepcopy

import numpy as np
import pytest
import torch
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from peft.tuners.lora import Linear as AdaptedLinear

from avvla.config import Lora, Params
from avvla.errors import UserError
from avvla.policy.checkpoint import (
    load_checkpoint,
    make_field_agent,
    processors_of,
    save_checkpoint,
)
from avvla.policy.lora import apply_lora, has_adapters, merged, trained
from avvla.policy.modeling_field_agent import FieldAgentPolicy
from avvla.policy.robot import RobotPolicy

RANK_4 = Lora(rank=4)


@pytest.fixture
def plain(agent):
    """A policy to put adapters on."""
    return deepcopy(agent)


def train(policy, batch, steps=3):
    """So that adapters are not zero; the losses."""
    torch.manual_seed(11)
    weights = [weight for weight in policy.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=1e-2)
    policy.train()
    losses = []
    for _ in range(steps):
        loss, _ = policy.forward(dict(batch))
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(loss.item())
    policy.eval()
    return losses


@pytest.fixture
def adapted(plain, batch):
    """A policy with adapters that have been trained."""
    apply_lora(plain, RANK_4, seed=1)
    train(plain, batch)
    return plain


def adapted_modules(policy):
    return {name for name, module in policy.named_modules() if isinstance(module, AdaptedLinear)}


def test_a_fresh_adapter_changes_nothing(agent, plain, batch):
    apply_lora(plain, RANK_4, seed=1)
    assert has_adapters(plain)
    assert not has_adapters(agent)
    assert type(plain) is FieldAgentPolicy
    np.testing.assert_array_equal(plain.plan(batch).action, agent.plan(batch).action)


def test_the_default_targets_are_lerobot_s(agent, plain):
    apply_lora(plain, RANK_4, seed=1)
    pattern = agent._get_default_peft_targets()["target_modules"]
    assert adapted_modules(plain) == {
        name for name, _ in agent.named_modules() if re.fullmatch(pattern, name)
    }


def test_only_adapters_and_named_modules_train(agent, plain, batch):
    settings = Lora(rank=4, whole=("model.action_out_proj", "*.connector"))
    apply_lora(plain, settings, seed=1)
    assert "model.action_out_proj" not in adapted_modules(plain)
    trains = {name for name, weight in plain.named_parameters() if weight.requires_grad}
    whole = {n for n in trains if ".connector." in n or n.startswith("model.action_out_proj.")}
    adapters = {name for name in trains if ".lora_A." in name or ".lora_B." in name}
    assert whole
    assert len(adapters) == 2 * len(adapted_modules(plain)) > 0
    assert trains == whole | adapters
    before = {name: value.clone() for name, value in plain.state_dict().items()}
    train(plain, batch)
    changed = {n for n, value in plain.state_dict().items() if not torch.equal(value, before[n])}
    # The expert's last query of the prefix and the like may get no gradient; nothing else moves.
    assert changed <= trains
    assert any(".lora_B." in name for name in changed)
    assert "model.action_out_proj.weight" in changed


def test_the_seed_alone_decides_the_adapters(agent):
    drawn = []
    for noise in (1, 2):
        policy = deepcopy(agent)
        torch.manual_seed(noise)
        state = torch.get_rng_state()
        apply_lora(policy, RANK_4, seed=3)
        assert torch.equal(torch.get_rng_state(), state)
        drawn.append(trained(policy))
    other = deepcopy(agent)
    apply_lora(other, RANK_4, seed=4)
    assert drawn[0].keys() == drawn[1].keys()
    assert all(torch.equal(value, drawn[1][name]) for name, value in drawn[0].items())
    assert any(not torch.equal(value, trained(other)[name]) for name, value in drawn[0].items())


def test_a_merged_policy_plans_as_with_adapters(agent, adapted, batch):
    planned = adapted.plan(batch).action
    assert np.abs(planned - agent.plan(batch).action).max() > 1e-3
    before = {name: value.clone() for name, value in adapted.state_dict().items()}
    state = merged(adapted)
    assert state.keys() == agent.state_dict().keys()
    after = adapted.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert has_adapters(adapted)
    policy = deepcopy(agent)
    policy.load_state_dict(state)
    np.testing.assert_allclose(policy.plan(batch).action, planned, atol=1e-5)


def test_alpha_over_rank_scales_an_adapter(plain):
    apply_lora(plain, Lora(rank=2, alpha=6, targets=("model.state_proj",)), seed=1)
    layer = plain.model.state_proj
    with torch.no_grad():
        layer.lora_B["default"].weight.fill_(1.0)
    change = merged(plain)["model.state_proj.weight"] - layer.base_layer.weight
    a = layer.lora_A["default"].weight
    torch.testing.assert_close(change, 3.0 * a.sum(0).expand_as(change))


def test_the_saved_checkpoint_is_a_plain_one(adapted, batch, raw_batch, tmp_path):
    planned = adapted.plan(batch).action
    save_checkpoint(tmp_path / "saved", adapted, *processors_of(adapted))
    assert not (tmp_path / "saved" / "adapter_config.json").exists()
    assert json.loads((tmp_path / "saved" / "config.json").read_text())["use_peft"] is False
    policy, preprocessor, _ = load_checkpoint(tmp_path / "saved", "cpu")
    np.testing.assert_allclose(policy.plan(preprocessor(raw_batch(3))).action, planned, atol=1e-5)
    assert not has_adapters(policy)
    assert not any("lora" in name for name in policy.state_dict())
    again = tmp_path / "again"
    save_checkpoint(again, adapted, *processors_of(adapted))
    weights = (again / "model.safetensors").read_bytes()
    assert weights == (tmp_path / "saved" / "model.safetensors").read_bytes()


def test_a_robot_s_checkpoint_opens_in_lerobot(imported, tmp_path):
    config = deepcopy(imported.policy.config)
    folder = imported.root / imported.digest
    config.vlm_model_name = str(folder / "backbone")
    policy = RobotPolicy.from_pretrained(folder, config=config)
    policy.backbone_name = "backbone"
    apply_lora(policy, RANK_4, seed=1)
    with torch.no_grad():
        for name, weight in policy.named_parameters():
            if ".lora_B." in name:
                weight.fill_(0.01)
    policy.save_pretrained(tmp_path, state_dict=merged(policy))
    config = SmolVLAConfig.from_pretrained(tmp_path)
    config.vlm_model_name = str(tmp_path / "backbone")
    opened = SmolVLAPolicy.from_pretrained(tmp_path, config=config, strict=True)
    draw = torch.Generator().manual_seed(2)
    batch = {
        **{name: torch.rand(1, 3, 64, 64, generator=draw) for name in config.image_features},
        "observation.state": torch.rand(1, 6, generator=draw),
        "observation.language.tokens": torch.randint(0, 300, (1, 5), generator=draw),
        "observation.language.attention_mask": torch.ones(1, 5, dtype=torch.bool),
    }
    noise = torch.randn(1, 50, 32, generator=draw)
    torch.testing.assert_close(
        opened.predict_action_chunk(dict(batch), noise),
        policy.predict_action_chunk(dict(batch), noise),
        rtol=0,
        atol=1e-5,
    )


def test_training_goes_on_from_the_trained_tensors_with_equal_bits(agent, batch):
    def start():
        policy = deepcopy(agent)
        apply_lora(policy, RANK_4, seed=1)
        return policy

    stopped = start()
    train(stopped, batch)
    kept = {name: value.clone() for name, value in trained(stopped).items()}
    resumed = start()
    found = resumed.load_state_dict(kept, strict=False)
    assert not found.unexpected_keys
    ours, theirs = resumed.state_dict(), stopped.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    assert train(resumed, batch) == train(stopped, batch)


def test_the_parameters_put_adapters_on_a_base(imported, capsys):
    section = {"warm_start": imported.digest, "max_dim": 32, "lora": {"rank": 2}}
    params = Params.model_validate({"build": {"image_size": 64}, "policy": section})
    agent = make_field_agent(params, "cpu")
    assert has_adapters(agent)
    wanted = imported.policy.state_dict()
    state = merged(agent)
    assert state.keys() == wanted.keys()
    assert all(torch.equal(value, wanted[name]) for name, value in state.items())


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"targets": ["model.state_prj"]}, "policy.lora.targets has 'model.state_prj'"),
        ({"targets": ["*.embeddings.patch_embedding"]}, "policy.lora.targets has"),
        ({"whole": ["model.action"]}, "policy.lora.whole has 'model.action'"),
        ({"whole": ["model"]}, "leaves no module for an adapter"),
    ],
)
def test_a_pattern_that_names_nothing_is_refused(plain, settings, told):
    with pytest.raises(UserError, match=told):
        apply_lora(plain, Lora.model_validate({"rank": 1, **settings}), seed=1)

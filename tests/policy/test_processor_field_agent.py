import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lerobot.policies.factory import make_pre_post_processors
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from lerobot.policies.smolvla.processor_smolvla import make_smolvla_pre_post_processors
from lerobot.utils.constants import OBS_LANGUAGE_ATTENTION_MASK, OBS_LANGUAGE_TOKENS
from transformers import AutoTokenizer

from avvla.config import Backbone
from avvla.errors import UserError
from avvla.policy.backbone import build_backbone
from avvla.policy.checkpoint import processors_of
from avvla.policy.configuration_field_agent import FieldAgentConfig, Scales, features
from avvla.policy.processor_field_agent import (
    make_field_agent_pre_post_processors,
    speed_of,
    state_to_network,
    to_network_units,
    to_physical_units,
)

SCALES = Scales(speed=10.0, heading=0.2, acceleration=1.0, curvature=0.008)


@given(st.floats(-9.8, 9.8), st.floats(-0.33, 0.33))
def test_units_round_trip(acceleration, curvature):
    action = torch.tensor([acceleration, curvature], dtype=torch.float64)
    back = to_physical_units(to_network_units(action, SCALES), SCALES)
    torch.testing.assert_close(back, action, rtol=1e-9, atol=1e-12)


def test_units_are_those_of_the_module_docstring():
    action = torch.tensor([2.0, 0.15])
    expected = torch.tensor([2.0 / 3.0, math.asinh(0.15 / 0.008)])
    torch.testing.assert_close(
        to_network_units(action, SCALES._replace(acceleration=3.0)), expected
    )
    state = state_to_network(torch.tensor([[12.0, -0.1]]), SCALES)
    torch.testing.assert_close(state, torch.tensor([[1.2, -0.5]]))
    torch.testing.assert_close(speed_of(state, SCALES), torch.tensor([12.0]))


@given(st.floats(-1e30, 1e30), st.floats(-1e30, 1e30))
def test_physical_action_and_gradient_are_bounded(first, second):
    network = torch.tensor([first, second], requires_grad=True)
    physical = to_physical_units(network, SCALES)
    physical.sum().backward()
    assert (physical.abs() <= torch.tensor([9.8001, 0.33001])).all()
    assert torch.isfinite(network.grad).all()


def test_preprocessor_scales_state_and_action_and_leaves_the_image(agent, raw_batch):
    raw = raw_batch(3)
    done = processors_of(agent)[0](raw)
    torch.testing.assert_close(
        done["observation.state"] * torch.tensor([10, 0.2]), raw["observation.state"]
    )
    torch.testing.assert_close(to_physical_units(done["action"], SCALES), raw["action"])
    assert torch.equal(done["observation.images.front_wide"], raw["observation.images.front_wide"])


def test_postprocessor_is_the_inverse(agent, raw_batch):
    preprocess, postprocess = processors_of(agent)
    raw = raw_batch(3)
    torch.testing.assert_close(postprocess(preprocess(raw)["action"]), raw["action"])


def test_tokens_are_those_of_smolvla(tmp_path, raw_batch):
    build_backbone(tmp_path, Backbone(), 96)
    inputs, outputs = features(96)
    common = {
        "vlm_model_name": str(tmp_path),
        "device": "cpu",
        "input_features": inputs,
        "output_features": outputs,
    }
    raw = raw_batch(5)
    raw["task"][1] = "a very long command " * 20
    theirs = make_smolvla_pre_post_processors(SmolVLAConfig(**common))[0](raw)
    ours = make_field_agent_pre_post_processors(FieldAgentConfig(**common))[0](raw)
    for name in (OBS_LANGUAGE_TOKENS, OBS_LANGUAGE_ATTENTION_MASK):
        assert torch.equal(ours[name], theirs[name])
    assert ours[OBS_LANGUAGE_TOKENS].shape == (5, 48)
    newline = AutoTokenizer.from_pretrained(tmp_path)("\n").input_ids
    assert ours[OBS_LANGUAGE_TOKENS][0, :4].tolist()[-1:] == newline


def test_saved_processors_load_through_lerobot_from_any_folder(
    checkpoint, agent, raw_batch, tmp_path
):
    moved = checkpoint.rename(tmp_path / "elsewhere")
    loaded, _ = make_pre_post_processors(agent.config, pretrained_path=str(moved))
    expected, got = processors_of(agent)[0](raw_batch(3)), loaded(raw_batch(3))
    assert expected.keys() == got.keys()
    for name, value in expected.items():
        assert (
            torch.equal(got[name], value) if isinstance(value, torch.Tensor) else got[name] == value
        )


def test_the_trainers_overrides_by_name_find_their_steps(checkpoint, agent, raw_batch):
    stats = {
        "observation.state": {"mean": torch.tensor([5.0, 5.0]), "std": torch.tensor([9.0, 9.0])}
    }
    normaliser = {
        "features": agent.config.input_features,
        "norm_map": agent.config.normalization_mapping,
        "stats": stats,
    }
    loaded, _ = make_pre_post_processors(
        agent.config,
        pretrained_path=str(checkpoint),
        preprocessor_overrides={
            "device_processor": {"device": "cpu"},
            "normalizer_processor": normaliser,
            "rename_observations_processor": {"rename_map": {}},
        },
        postprocessor_overrides={"unnormalizer_processor": normaliser},
    )
    expected = processors_of(agent)[0](raw_batch(2))["observation.state"]
    assert torch.equal(loaded(raw_batch(2))["observation.state"], expected)


@pytest.mark.parametrize("task", [[], None])
def test_a_batch_without_commands_is_refused(agent, raw_batch, task):
    raw = raw_batch(2) | {"task": task}
    with pytest.raises(UserError, match="the batch has no `task`"):
        processors_of(agent)[0](raw)

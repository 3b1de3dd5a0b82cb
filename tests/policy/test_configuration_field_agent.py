import pytest
from lerobot.configs import FeatureType, PolicyFeature, PreTrainedConfig

from avvla.errors import UserError
from avvla.features import IMAGE
from avvla.physical_ai.camera import Crop
from avvla.policy.configuration_field_agent import FieldAgentConfig, features, read_config


def config(**changes: object) -> FieldAgentConfig:
    inputs, outputs = features(96)
    defaults = {"device": "cpu", "input_features": inputs, "output_features": outputs}
    return FieldAgentConfig(**(defaults | changes))


def test_smolvla_sees_an_action_of_width_two_and_no_frame_offsets():
    agent = config()
    agent.validate_features()
    assert agent.output_features["action"].shape == (64, 2)
    assert agent.action_feature == PolicyFeature(FeatureType.ACTION, (2,))
    assert agent.observation_delta_indices is None
    assert agent.action_delta_indices is None
    assert agent.image_size == 96


def test_defaults_are_those_of_the_parameters(params):
    policy, agent = params.policy, config()
    assert agent.scales == (
        policy.speed_scale,
        policy.heading_scale,
        policy.acceleration_scale,
        policy.curvature_scale,
    )
    assert (agent.num_steps, agent.max_action_dim) == (policy.flow_steps, policy.max_dim)
    assert agent.integrator == params.action.integrator


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"curvature_scale": 0.0}, "curvature_scale is 0.0, expected more than 0"),
        ({"dt": float("nan")}, "dt is nan, expected more than 0"),
        ({"max_action_dim": 1}, "max_action_dim is 1, expected 2 or more"),
        ({"num_steps": 0}, "num_steps is 0, expected 1"),
        ({"trajectory_loss": -0.5}, "trajectory_loss is -0.5, expected 0 or more"),
        ({"chunk_size": 65}, "chunk_size is 65, expected 1 to 64 actions"),
        ({"n_action_steps": 65}, "n_action_steps is 65, expected 1 to 64"),
        ({"integrator": "rk4"}, "integrator is 'rk4', expected euler or trapezoid"),
        ({"crop": Crop(0.0, 33.0, 50.0)}, "crop.up_deg is 0.0, expected more than 0 and at most"),
        ({"crop": Crop(10.0, 33.0, 91.0)}, "crop.side_deg is 91.0, expected more than 0"),
    ],
)
def test_values_out_of_range_are_refused(changes, told):
    with pytest.raises(UserError, match=told):
        config(**changes)


@pytest.mark.parametrize(
    ("inputs", "outputs", "told"),
    [
        ({IMAGE: (3, 96, 128)}, {}, r"\(3, 96, 128\), expected \(3, S, S\): a square image"),
        ({IMAGE: (96, 96, 3)}, {}, r"\(96, 96, 3\), expected \(3, S, S\)"),
        ({"observation.images.left": (3, 96, 96)}, {}, r"cameras are \['observation.images.front"),
        ({"observation.state": (3,)}, {}, r"observation.state has shape \(3,\), expected \(2,\)"),
        ({}, {"action": (2,)}, r"action has shape \(2,\), expected \(64, 2\)"),
        ({}, {"action": (50, 2)}, r"action has shape \(50, 2\), expected \(64, 2\)"),
    ],
)
def test_features_of_another_policy_are_refused(inputs, outputs, told):
    agent = config()
    for name, shape in inputs.items():
        kind = FeatureType.VISUAL if "images" in name else FeatureType.STATE
        agent.input_features[name] = PolicyFeature(kind, shape)
    for name, shape in outputs.items():
        agent.output_features[name] = PolicyFeature(FeatureType.ACTION, shape)
    with pytest.raises(UserError, match=told):
        agent.validate_features()


def test_a_missing_action_is_refused():
    agent = config(output_features={})
    with pytest.raises(UserError, match=r"action has shape None, expected \(64, 2\)"):
        agent.validate_features()


def test_config_round_trip(tmp_path):
    crop = Crop(12.0, 20.5, 40.0, "pad")
    config(trajectory_loss=0.25, resize_imgs_with_padding=None, crop=crop).save_pretrained(tmp_path)
    assert read_config(tmp_path) == PreTrainedConfig.from_pretrained(tmp_path)
    assert read_config(tmp_path).trajectory_loss == 0.25
    assert read_config(tmp_path).crop == crop
    assert read_config(tmp_path).input_features == features(96)[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "config.json is missing"),
        ("{", "cannot be read as a configuration"),
        ("[]", "cannot be read as a configuration"),
        ('{"type": "act"}', "is of a policy of type 'act', expected 'field_agent'"),
        ('{"chunk_size": 64}', "of type None"),
        ('{"type": "field_agent", "wheels": 4}', "does not fit this version: .*wheels"),
        (
            '{"type": "field_agent", "chunk_size": "many"}',
            "does not fit this version: .*chunk_size",
        ),
        ('{"type": "field_agent", "num_steps": 0}', "num_steps is 0"),
        (
            '{"type": "field_agent", "crop": {"up_deg": 10, "down_deg": 33}}',
            "does not fit this version: .*side_deg",
        ),
        (
            '{"type": "field_agent", "crop": {"up_deg": 10, "down_deg": -1, "side_deg": 50}}',
            "crop.down_deg is -1.0, expected more than 0",
        ),
        (
            '{"type": "field_agent", "crop": {"up_deg": 10, "down_deg": 33, "side_deg": 50,'
            ' "aspect": "squeeze"}}',
            "does not fit this version: .*aspect",
        ),
    ],
)
def test_a_bad_config_file_is_told_in_one_line(text, told, tmp_path):
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match=told) as caught:
        read_config(tmp_path)
    assert "\n" not in str(caught.value)

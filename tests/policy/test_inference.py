import pytest
import torch
from policy_factory import CAMERAS, LENGTH, TIGHT, batch_of, lerobots

from avvla.errors import UserError
from avvla.policy.inference import InferenceEngine


def expected(policy, batch, noise, steps):
    policy.config.num_steps = steps
    return policy.predict_action_chunk(dict(batch), noise=noise)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"text_layers": 5, "vision_layers": 3, "side": 96},
        {"text_layers": 4, "self_attn_every_n_layers": 3},
        {"self_attn_every_n_layers": -1},
        {"attention_mode": "self_attn"},
        {"text_layers": 4, "num_vlm_layers": 3},
        {"text_layers": 4, "num_expert_layers": 2, "self_attn_every_n_layers": -1},
        {"expert_width_multiplier": 0.5, "min_period": 1e-2, "max_period": 1.0},
        {"cameras": 3, "shape": (3, 48, 80)},
        {"cameras": 2, "resize_imgs_with_padding": None},
        {"add_image_special_tokens": True, "cameras": 2},
        {"empty_cameras": 2},
        {"prefix_length": 40},
        {"max_state_dim": 5, "max_action_dim": 3},
    ],
    ids=str,
)
def test_actions_are_lerobots(changes):
    policy = lerobots(**changes)
    batch, noise = batch_of(policy)
    engine = InferenceEngine(policy)
    for steps in (1, 4):
        actions = engine.actions(batch, noise, steps)
        assert actions.shape == (3, LENGTH, 3)
        torch.testing.assert_close(actions, expected(policy, batch, noise, steps), **TIGHT)


@pytest.fixture(scope="module")
def policy():
    return lerobots(cameras=2, text_layers=3)


@pytest.fixture(scope="module")
def engine(policy):
    return InferenceEngine(policy)


def test_every_input_matters(policy, engine):
    batch, noise = batch_of(policy)
    plain = engine.actions(batch, noise, 2)
    for name in (CAMERAS[0], CAMERAS[1], "observation.state"):
        other = engine.actions(batch | {name: batch[name] * 0.5}, noise, 2)
        assert (other - plain).abs().amax((1, 2)).min() > 1e-3, name
    tokens = "observation.language.tokens"
    other = engine.actions(batch | {tokens: batch[tokens] + 1}, noise, 2)
    assert (other - plain).abs().amax((1, 2)).min() > 1e-3


def test_ten_steps_are_lerobots_select_action(policy, engine):
    batch, noise = batch_of(policy)
    policy.config.num_steps = 10
    policy.reset()
    selected = [policy.select_action(dict(batch), noise=noise) for _ in range(LENGTH)]
    actions = engine.actions(batch, noise, 10)
    torch.testing.assert_close(actions, torch.stack(selected, 1), **TIGHT)


def test_a_sample_without_a_camera_is_lerobots(policy, engine):
    batch, noise = batch_of(policy)
    batch[f"{CAMERAS[1]}_padding_mask"] = torch.tensor([True, False, True])
    actions = engine.actions(batch, noise, 2)
    torch.testing.assert_close(actions, expected(policy, batch, noise, 2), **TIGHT)
    unseen = engine.actions(batch | {CAMERAS[1]: batch[CAMERAS[1]] * 0.5}, noise, 2)
    assert torch.equal(unseen[1], actions[1])
    assert not torch.equal(unseen[0], actions[0])


def test_an_absent_camera_with_special_tokens_is_lerobots():
    policy = lerobots(cameras=2, empty_cameras=1, add_image_special_tokens=True)
    batch, noise = batch_of(policy)
    del batch[CAMERAS[1]]
    actions = InferenceEngine(policy).actions(batch, noise, 2)
    torch.testing.assert_close(actions, expected(policy, batch, noise, 2), **TIGHT)


def test_a_sequence_of_observations_counts_by_its_last(policy, engine):
    batch, noise = batch_of(policy)
    pair = {
        name: torch.stack([torch.zeros_like(value), value], 1)
        for name, value in batch.items()
        if "language" not in name
    }
    actions = engine.actions(batch | pair, noise, 2)
    torch.testing.assert_close(actions, engine.actions(batch, noise, 2))
    torch.testing.assert_close(actions, expected(policy, batch | pair, noise, 2), **TIGHT)


def test_a_sample_plans_alike_alone_and_in_a_batch(policy, engine):
    batch, noise = batch_of(policy)
    together = engine.actions(batch, noise, 2)
    length = int(batch["observation.language.attention_mask"][0].sum())
    alone = {name: value[:1] for name, value in batch.items()}
    for name in ("observation.language.tokens", "observation.language.attention_mask"):
        alone[name] = alone[name][:, :length]
    torch.testing.assert_close(engine.actions(alone, noise[:1], 2), together[:1], **TIGHT)


def test_the_same_batch_gives_the_same_bits(policy, engine):
    batch, noise = batch_of(policy)
    assert torch.equal(engine.actions(batch, noise, 2), engine.actions(batch, noise, 2))
    assert torch.equal(
        engine.actions(batch, noise, 2), InferenceEngine(policy).actions(batch, noise, 2)
    )


def test_an_engine_has_its_own_weights():
    policy = lerobots()
    batch, noise = batch_of(policy)
    engine = InferenceEngine(policy)
    before = engine.actions(batch, noise, 2)
    with torch.no_grad():
        for weight in policy.parameters():
            weight.zero_()
    assert torch.equal(engine.actions(batch, noise, 2), before)


def test_a_prefix_serves_several_flows(policy, engine):
    batch, noise = batch_of(policy)
    with torch.inference_mode():
        prefix = engine.encode(engine.inputs(batch))
        for start in (noise, -noise):
            actions = engine.flow(start, engine.biases(3), prefix)
            assert torch.equal(actions[..., :3], engine.actions(batch, start, 3))


def test_a_velocity_has_a_gradient(policy, engine):
    """Real-time chunking guides the flow by the gradient of its velocity."""
    batch, noise = batch_of(policy)
    engine.actions(batch, noise, 1)  # keeps the biases
    with torch.no_grad():
        prefix = engine.encode(engine.inputs(batch))
    x = noise.clone().requires_grad_()
    engine.flow.velocity(x, engine.biases(1)[0], prefix)[:, 7].sum().backward()
    reached = x.grad.abs().amax((0, 2))
    assert (reached[:8] > 0).all()
    assert (reached[8:] == 0).all()  # an action looks at none after it


def test_half_precision_is_close(policy, engine):
    batch, noise = batch_of(policy)
    half = InferenceEngine(policy, dtype=torch.bfloat16).actions(batch, noise, 2)
    exact = engine.actions(batch, noise, 2)
    assert half.dtype == torch.float32
    assert 0 < (half - exact).abs().max() < 0.05 * exact.abs().max()


def test_the_work_of_a_plan_is_one_graph(policy, engine):
    batch, noise = batch_of(policy)
    graph = torch.compile(engine.sample, backend="aot_eager", fullgraph=True, dynamic=False)
    with torch.inference_mode():
        actions = graph(engine.inputs(batch), noise, engine.biases(2))
    torch.testing.assert_close(actions[..., :3], engine.actions(batch, noise, 2), **TIGHT)


def test_a_padded_command_plans_alike(policy, engine):
    batch, noise = batch_of(policy)
    graphed = InferenceEngine(policy, compiled=True)  # compiles at the first plan only
    inputs = graphed.inputs(batch)
    assert inputs.tokens.shape == (3, 48)
    with torch.inference_mode():
        actions = graphed.sample(inputs, noise, graphed.biases(2))
    torch.testing.assert_close(actions[..., :3], engine.actions(batch, noise, 2), **TIGHT)


def test_what_does_not_fit_is_refused(policy, engine):
    batch, noise = batch_of(policy)
    with pytest.raises(ValueError, match=r"noise has shape \(2, 20, 8\), expected \(3, 20, 8\)"):
        engine.actions(batch, noise[:2], 2)
    with pytest.raises(ValueError, match="steps is 0, expected 1 or more"):
        engine.actions(batch, noise, 0)
    blind = {name: value for name, value in batch.items() if name not in CAMERAS}
    with pytest.raises(UserError, match=r"none of the policy's cameras, expected \['observation"):
        engine.actions(blind, noise, 2)


def test_an_image_of_another_size_is_refused():
    policy = lerobots(resize_imgs_with_padding=None)
    batch, noise = batch_of(policy)
    batch[CAMERAS[0]] = batch[CAMERAS[0]][..., :32]
    with pytest.raises(UserError, match=r"images.a is 32 x 64 px, expected a square of \[64\] px"):
        InferenceEngine(policy).actions(batch, noise, 2)


def test_aloha_s_joints_are_refused():
    with pytest.raises(UserError, match="adapt_to_pi_aloha"):
        InferenceEngine(lerobots(adapt_to_pi_aloha=True))


def test_an_adapter_is_refused_instead_of_left_out():
    policy = lerobots()
    policy.model.vlm_with_expert.lm_expert.layers[0].mlp.down_proj.__class__ = type(
        "Adapted", (torch.nn.Linear,), {}
    )
    with pytest.raises(UserError, match="of type Adapted, expected Linear: save the policy"):
        InferenceEngine(policy)

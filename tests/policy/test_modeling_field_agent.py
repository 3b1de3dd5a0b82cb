from dataclasses import fields

import numpy as np
import pytest
import torch
from lerobot.configs import FeatureType, PolicyFeature
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

from avvla.actions import unicycle
from avvla.policy.backbone import build_backbone
from avvla.policy.checkpoint import make_field_agent, processors_of
from avvla.policy.modeling_field_agent import path_error
from avvla.policy.processor_field_agent import to_physical_units


@pytest.fixture
def draws(batch):
    draw = torch.Generator().manual_seed(5)
    noise = torch.randn(3, 64, 2, generator=draw)
    return noise, torch.tensor([0.05, 0.4, 0.9])


@pytest.fixture
def weighted(agent):
    """The agent with a path loss of weight 0.3."""
    agent.config.trajectory_loss = 0.3
    yield agent
    agent.config.trajectory_loss = 0.0


def upstream(agent, params, folder) -> SmolVLAPolicy:
    """LeRobot's own SmolVLA with the agent's weights."""
    build_backbone(folder, params.policy.backbone, params.build.image_size)
    names = {item.name for item in fields(SmolVLAConfig)}
    values = {name: getattr(agent.config, name) for name in names}
    values["output_features"] = {"action": PolicyFeature(FeatureType.ACTION, (2,))}
    policy = SmolVLAPolicy(SmolVLAConfig(**values | {"vlm_model_name": str(folder)}))
    policy.load_state_dict(agent.state_dict())
    return policy.eval()


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("weight", [0.0, 0.3])
def test_flow_loss_is_upstreams(agent, params, batch, draws, tmp_path, reduction, weight):
    agent.config.trajectory_loss = weight
    try:
        loss, terms = agent.forward(batch, *draws, reduction)
    finally:
        agent.config.trajectory_loss = 0.0
    expected, _ = upstream(agent, params, tmp_path).forward(batch, *draws, reduction)
    assert terms["loss_flow"] == expected.mean().item()
    if weight == 0:
        assert torch.equal(loss, expected)
        assert set(terms) == {"loss_flow"}
    else:
        total = terms["loss_flow"] + weight * terms["loss_trajectory"]
        assert loss.mean().item() == pytest.approx(total)
        assert loss.shape == expected.shape


def test_near_steps_weigh_more(perfect, weighted):
    near, far = torch.zeros(3, 64, 2), torch.zeros(3, 64, 2)
    near[:, 0], far[:, 40] = 1.0, 1.0
    alike = perfect(near)["loss_flow"], perfect(far)["loss_flow"]
    assert alike[0] == pytest.approx(alike[1])
    weighted.config.horizon_decay_s = 2.0
    try:
        first, later = perfect(near)["loss_flow"], perfect(far)["loss_flow"]
        whole = perfect(torch.ones(3, 64, 2))["loss_flow"]
    finally:
        weighted.config.horizon_decay_s = 0.0
    assert first / later == pytest.approx(np.exp(4.0 / 2.0), rel=1e-4)
    assert whole == pytest.approx(1.0)


def test_drawn_noise_is_upstreams(weighted, params, batch, tmp_path):
    theirs = upstream(weighted, params, tmp_path)
    torch.manual_seed(11)
    _, terms = weighted.forward(batch)
    torch.manual_seed(11)
    expected, _ = theirs.forward(batch)
    assert terms["loss_flow"] == expected.item()


def test_plan_is_upstreams_flow_from_zero(agent, params, batch, tmp_path):
    network = upstream(agent, params, tmp_path).predict_action_chunk(
        batch, noise=torch.zeros(3, 64, 2)
    )
    expected = to_physical_units(network, agent.config.scales)
    np.testing.assert_array_equal(agent.plan(batch).action, expected.double().numpy())
    chunk = processors_of(agent)[1](agent.predict_action_chunk(batch))
    np.testing.assert_array_equal(agent.plan(batch).action, chunk.double().numpy())


@pytest.fixture
def perfect(weighted, batch, draws, monkeypatch):
    """The agent with a network that has learnt: its velocity is noise - action + `error`."""

    def with_error(error: torch.Tensor) -> dict[str, float]:
        right = draws[0] - batch["action"]
        monkeypatch.setattr(weighted.model.action_out_proj, "forward", lambda _: right + error)
        return weighted.forward(batch, *draws)[1]

    return with_error


def test_a_perfect_velocity_has_no_loss(perfect):
    terms = perfect(torch.zeros(3, 64, 2))
    assert terms["loss_flow"] == pytest.approx(0, abs=1e-9)
    assert terms["loss_trajectory"] == pytest.approx(0, abs=1e-4)


def test_path_error_is_metres_of_the_integrated_estimate(
    perfect, weighted, batch, draws, raw_batch
):
    error = torch.tensor([0.4, -0.2]).expand(3, 64, 2)
    got = perfect(error)["loss_trajectory"]
    time = draws[1].numpy()
    estimate = to_physical_units(
        batch["action"] - draws[1][:, None, None] * error, weighted.config.scales
    )
    raw = raw_batch(3)
    speed = raw["observation.state"][:, 0].numpy()
    path = unicycle.rollout(speed, estimate.numpy())
    truth = unicycle.rollout(speed, raw["action"].numpy())
    distance = np.hypot(*np.moveaxis(path - truth, -1, 0)[:2])
    expected = np.mean((1 - time) * np.mean(np.sqrt(distance**2 + 1) - 1, -1))
    assert got == pytest.approx(expected, rel=1e-4)
    assert expected > 0.1


def test_path_error_by_hand():
    truth = torch.zeros(2, 4)
    path = torch.tensor([[3.0, 4.0, 9.0, 9.0], [0.0, 0.0, 9.0, 9.0]])
    assert path_error(path, truth).item() == pytest.approx((26**0.5 - 1) / 2)


def test_path_gradient_is_finite_far_from_the_data(weighted, batch, draws):
    weighted.zero_grad()
    extreme = batch | {"action": batch["action"] * 1e6}
    loss, _ = weighted.forward(extreme, draws[0] * 1e6, draws[1])
    loss.backward()
    grads = [p.grad for p in weighted.parameters() if p.grad is not None]
    assert len(grads) > 10
    assert all(torch.isfinite(grad).all() for grad in grads)
    weighted.zero_grad(set_to_none=True)


def test_forward_leaves_no_hook_behind(weighted, batch, draws):
    weighted.forward(batch, *draws)
    assert not weighted.model.action_out_proj._forward_hooks


def test_plan_is_the_numpy_rollout_and_deterministic(agent, batch, raw_batch):
    plan = agent.plan(batch)
    speed = raw_batch(3)["observation.state"][:, 0].double().numpy()
    assert plan.action.shape == (3, 64, 2)
    assert plan.trajectory.shape == (3, 64, 4)
    np.testing.assert_allclose(plan.trajectory, unicycle.rollout(speed, plan.action), atol=1e-4)
    again = agent.plan(batch)
    assert np.array_equal(plan.action, again.action)
    other = agent.plan(batch, noise=torch.ones(3, 64, 2))
    assert np.abs(plan.action - other.action).max() > 1e-3


def test_a_sample_plans_alike_alone_and_in_a_batch(agent, batch):
    alone = agent.plan(
        {name: value[1:2] for name, value in batch.items() if torch.is_tensor(value)}
    )
    np.testing.assert_allclose(agent.plan(batch).action[1:2], alone.action, atol=1e-4)


def test_gradient_reaches_camera_and_state(agent, batch, draws):
    agent.zero_grad()
    agent.forward(batch, *draws)[0].backward()
    network = agent.model.vlm_with_expert.get_vlm_model()
    reached = {
        "vision": network.vision_model.embeddings.patch_embedding.weight,
        "text": network.text_model.embed_tokens.weight,
        "state": agent.model.state_proj.weight,
    }
    assert all(weight.grad.abs().max() > 0 for weight in reached.values())
    agent.zero_grad(set_to_none=True)


def test_a_shorter_chunk_learns_its_steps_and_goes_on_at_its_speed(params, raw_batch):
    policy = params.policy.model_copy(update={"chunk_size": 16, "trajectory_loss": 0.3})
    short = make_field_agent(params.model_copy(update={"policy": policy}), "cpu").eval()
    batch = processors_of(short)[0](raw_batch(3))
    noise, time = torch.randn(3, 16, 2), torch.tensor([0.05, 0.4, 0.9])
    loss, _ = short.forward(batch, noise, time)
    later = {**batch, "action": batch["action"].clone()}
    later["action"][:, 16:] += 1.0
    assert torch.equal(short.forward(later, noise, time)[0], loss)
    plan = short.plan(batch)
    assert plan.action.shape == (3, 64, 2)
    assert (plan.action[:, 16:, 0] == 0).all()
    assert (plan.action[:, 16:, 1] == plan.action[:, 15:16, 1]).all()
    assert np.ptp(plan.trajectory[:, 15:, 3], axis=1).max() < 1e-9

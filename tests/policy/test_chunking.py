import numpy as np
import pytest
import torch
from lerobot.configs import RTCAttentionSchedule
from lerobot.policies.rtc.configuration_rtc import RTCConfig
from policy_factory import LENGTH, TIGHT, batch_of, lerobots, observation

from avvla.policy.chunking import weights
from avvla.policy.driver import FieldAgent
from avvla.policy.inference import InferenceEngine


@pytest.mark.parametrize(("delay", "horizon"), [(0, 10), (3, 12), (5, 5), (8, 4), (4, LENGTH)])
def test_actions_are_those_of_lerobots_real_time_chunking(delay, horizon):
    policy = lerobots()
    policy.config.num_steps = 10
    policy.config.rtc_config = RTCConfig(
        prefix_attention_schedule=RTCAttentionSchedule.LINEAR, max_guidance_weight=10.0
    )
    policy.init_rtc_processor()
    batch, noise = batch_of(policy)
    left = torch.randn(3, LENGTH, 3, generator=torch.Generator().manual_seed(2))
    expected = policy.predict_action_chunk(
        dict(batch),
        noise=noise,
        inference_delay=delay,
        prev_chunk_left_over=left,
        execution_horizon=horizon,
    )
    found = InferenceEngine(policy).continued(
        batch, noise, 10, left, weights(delay, horizon, LENGTH)
    )
    torch.testing.assert_close(found, expected, **TIGHT)


def test_weights_are_one_then_fall_to_nothing():
    assert weights(2, 6, 8).tolist() == pytest.approx([1, 1, 0.8, 0.6, 0.4, 0.2, 0, 0])
    assert weights(0, 0, 3).tolist() == [0, 0, 0]
    assert weights(9, 4, 5).tolist() == [1, 1, 1, 1, 0]
    assert weights(9, 9, 5).tolist() == [1] * 5


@pytest.mark.parametrize("flow_steps", [1, 2, 5])
def test_a_plan_begins_as_the_one_before_goes_on(checkpoint, flow_steps):
    driver = FieldAgent(checkpoint, "cpu", flow_steps=flow_steps)
    seen = observation(1)
    before = driver.plan(observation(2)).action[:, 5:]
    free = driver.plan(seen).action
    plan = driver.continued(seen, before, delay=4, horizon=10)
    np.testing.assert_allclose(plan.action[:, :4], before[:, :4], atol=0.02)
    jump, smooth = (np.abs(p[:, 4] - before[:, 4]).mean() for p in (free, plan.action))
    assert smooth < 0.7 * jump
    assert np.isfinite(plan.trajectory).all()


def test_what_is_left_may_be_short(checkpoint):
    driver = FieldAgent(checkpoint, "cpu")
    left = driver.plan(observation(2)).action[:, -2:]
    plan = driver.continued(observation(1), left, delay=4, horizon=10)
    np.testing.assert_allclose(plan.action[:, :2], left, atol=1e-4)
    assert plan.action.shape == (3, 64, 2)

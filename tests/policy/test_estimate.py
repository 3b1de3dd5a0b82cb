import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avvla.policy.estimate import estimate, roughness


def test_the_true_velocity_leads_back_to_the_action():
    action, noise = torch.randn(3, 8, 2), torch.randn(3, 8, 2)
    time = torch.tensor([0.001, 0.5, 0.999])
    torch.testing.assert_close(estimate(action, noise, time, noise - action), action)
    assert not torch.allclose(estimate(action, noise, time, action - noise), action)


@given(slope=st.floats(-5, 5), offset=st.floats(-5, 5))
def test_a_steady_ramp_is_smooth(slope, offset):
    steps = torch.arange(10, dtype=torch.float64)
    assert roughness((slope * steps + offset)[None, :, None]).item() == pytest.approx(0, abs=1e-20)


def test_a_kink_counts_by_its_bend_over_all_steps_and_components():
    chunk = torch.zeros(1, 10, 2)
    chunk[0, 5:, 0] = torch.arange(5) * 2.0
    # One bend of 2 at step 4, among eight bends of two components.
    assert roughness(chunk).item() == pytest.approx(2.0**2 / (8 * 2))


def test_what_lies_past_the_episode_s_end_does_not_count():
    chunk = torch.randn(2, 10, 3)
    inside = torch.ones(2, 10, dtype=torch.bool)
    inside[0, 6:] = False
    inside[1, 2:] = False
    before = roughness(chunk, inside)
    assert before[0] == pytest.approx(roughness(chunk[:1, :6]).item())
    assert before[1] == 0
    chunk[:, 6:] += 100.0
    torch.testing.assert_close(roughness(chunk, inside), before)


def test_roughness_has_a_gradient():
    chunk = torch.randn(1, 10, 2, requires_grad=True)
    roughness(chunk).sum().backward()
    assert chunk.grad.abs().sum() > 0

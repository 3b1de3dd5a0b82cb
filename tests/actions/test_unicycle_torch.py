import numpy as np
import pytest
import torch

from avvla.actions import unicycle, unicycle_torch
from avvla.actions.unicycle import INTEGRATORS
from avvla.errors import UserError


def some_windows(shape, steps=64):
    rng = np.random.default_rng(3)
    return rng.uniform(-5, 30, shape), rng.normal(size=(*shape, steps, 2)) * [1.0, 0.03]


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_equals_numpy(integrator):
    v0, action = some_windows((4, 3))
    expected = unicycle.rollout(v0, action, integrator=integrator)
    got = unicycle_torch.rollout(torch.tensor(v0), torch.tensor(action), integrator=integrator)
    np.testing.assert_allclose(got.numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_gradients(integrator):
    v0, action = (torch.tensor(a, requires_grad=True) for a in some_windows((2,), steps=6))
    assert torch.autograd.gradcheck(
        lambda v, a: unicycle_torch.rollout(v, a, integrator=integrator), (v0, action)
    )


def test_keeps_the_dtype():
    states = unicycle_torch.rollout(torch.tensor(1.0), torch.zeros(2, 64, 2))
    assert states.dtype == torch.float32
    assert states[0, -1].tolist() == pytest.approx([6.4, 0, 0, 1])


def test_unknown_integrator_is_told():
    with pytest.raises(UserError, match="expected euler or trapezoid"):
        unicycle_torch.rollout(torch.ones(1), torch.zeros(1, 64, 2), integrator="Euler")

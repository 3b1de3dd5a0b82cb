import numpy as np
import pytest

from avvla.evaluation import latency
from avvla.policy.interface import ConstantVelocity


def test_only_requests_after_the_warm_up_count(monkeypatch):
    seen = []

    class Slow(ConstantVelocity):
        def plan(self, observation):
            seen.append(observation)
            clock[0] += 1.0 if len(seen) <= 3 else 0.01
            return super().plan(observation)

    clock = [0.0]
    monkeypatch.setattr(latency.time, "perf_counter", lambda: clock[0])
    taken = latency.measure(Slow(), 32, requests=5, warm_up=3)
    assert len(seen) == 8
    assert taken.tolist() == pytest.approx([0.01] * 5)
    assert all(observation.image.shape == (1, 32, 32, 3) for observation in seen)
    assert (seen[0].image != seen[1].image).any()


def test_percentiles_are_milliseconds_with_the_devices_name():
    found = latency.metrics(np.linspace(0.001, 0.101, 101), "cpu")
    assert found["n"] == 101
    assert (found["p50_ms"], found["p95_ms"]) == pytest.approx((51.0, 96.0))
    assert found["p99_ms"] == pytest.approx(100.0)
    assert found["device"]
    assert found["threads"] >= 1

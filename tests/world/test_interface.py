"""The embedded world offers what every world must."""

import inspect
from collections.abc import Callable
from dataclasses import fields

from avvla.physical_ai.camera import FThetaCamera
from avvla.world.embedded import EmbeddedWorld
from avvla.world.interface import Metrics, View, World


def test_the_embedded_world_has_every_method_with_its_parameters() -> None:
    for name in ("reset", "observe", "step", "metrics"):
        wanted = inspect.signature(getattr(World, name)).parameters
        offered = inspect.signature(getattr(EmbeddedWorld, name)).parameters
        assert list(offered)[: len(wanted)] == list(wanted), name
        # What the embedded world can do beyond the interface is optional.
        assert all(
            offered[more].default is not inspect.Parameter.empty
            for more in list(offered)[len(wanted) :]
        )


def test_views_and_metrics_are_plain_values(camera: FThetaCamera, straight_road: Callable) -> None:
    world = EmbeddedWorld(camera)
    world.reset(straight_road(), 0)
    view, metrics = world.observe(), world.metrics()
    assert isinstance(view, View)
    assert [type(getattr(view, field.name)).__name__ for field in fields(View)] == [
        "ndarray", "float", "float", "str",
    ]  # fmt: skip
    assert metrics == Metrics(0.0, 50.0, 0.0, 0.0, False, False, False)

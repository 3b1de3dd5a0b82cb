import factory
import pytest

from avvla.config import Params
from avvla.dataset.frames import Samples

SIZE = 64


@pytest.fixture(scope="session")
def params() -> Params:
    backbone = {"vision_width": 32, "vision_layers": 1, "text_width": 32, "text_layers": 2}
    train = {"steps": 4, "batch_size": 4, "log_every": 2, "warmup_steps": 1, "processes": 1}
    return Params.model_validate(
        {"build": {"image_size": SIZE}, "policy": {"backbone": backbone}, "train": train}
    )


@pytest.fixture(scope="session")
def samples() -> Samples:
    return factory.samples(range(4))

import numpy as np
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
    rng = np.random.default_rng(0)
    count = 12
    return Samples(
        image=rng.integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8),
        state=(rng.uniform(0, 1, (count, 2)) * [12.0, 0.2]).astype(np.float32),
        action=(rng.normal(size=(count, 64, 2)) * [1.0, 0.02]).astype(np.float32),
        trajectory=np.zeros((count, 64, 3), np.float32),
        command=("Follow the lane", "Turn left", "Stop") * 4,
        episode=np.repeat(np.arange(4), 3),
        clip_id=tuple(f"clip{i // 3}" for i in range(count)),
    )

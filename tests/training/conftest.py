from collections.abc import Callable
from pathlib import Path

import factory
import numpy as np
import pytest
from hdf5_factory import episodes, inputs

from avvla.config import Params
from avvla.dataset.builder import build
from avvla.dataset.frames import Samples
from avvla.training.origin import Origin
from avvla.training.spikes import Spike
from avvla.training.state import Run

SIZE = 64
TRAIN = {
    "steps": 4,
    "batch_size": 4,
    "processes": 1,
    "log_every": 2,
    "val_every": 2,
    "save_every": 2,
    "warmup_steps": 1,
}


@pytest.fixture(scope="session")
def params() -> Params:
    backbone = {"vision_width": 32, "vision_layers": 1, "text_width": 32, "text_layers": 2}
    return Params.model_validate(
        {"build": {"image_size": SIZE}, "policy": {"backbone": backbone}, "train": TRAIN}
    )


@pytest.fixture(scope="session")
def samples() -> Samples:
    return factory.samples(range(4))


@pytest.fixture
def new_run(tmp_path: Path) -> Callable[[], Run]:
    """Makes folders for trainings that go on from nothing."""
    numbers = iter(range(1000))
    return lambda: Run(tmp_path / f"run_{next(numbers)}", 2)


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of four robot episodes of 8 to 11 frames, one of them held out."""
    folder = tmp_path_factory.mktemp("built")
    episodes(folder / "episodes", 4)
    build(inputs(folder), folder / "lerobot", 1)
    return folder / "lerobot"


@pytest.fixture
def spike() -> Spike:
    """Of process 1 at step 70, three samples of two episodes."""
    origin = Origin.of(np.array([3, 3, 3, 8, 8]), {3: "day/a.h5", 8: "day/b.h5"})
    terms = {"loss": 4.0, "loss_flow": 3.0, "loss_temporal": 1.0}
    return Spike.of(70, 1, terms, 0.5, origin, [2, 3, 0])

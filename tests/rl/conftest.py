"""What the tests of reinforcement learning share."""

import pytest
from rl_factory import SMALL

from avvla.rl.reading import settings_of
from avvla.rl.settings import Settings


@pytest.fixture
def small() -> Settings:
    """Settings that train in seconds."""
    return settings_of(SMALL)

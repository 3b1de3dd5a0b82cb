"""Settings of every test: no network, no folder of the user, the same examples each time."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from avvla.cluster.ray_cluster import prepare

SCRATCH = Path(tempfile.mkdtemp(prefix="avvla-tests-"))

# Set at import, so that it holds before a test module imports huggingface_hub or matplotlib.
os.environ.update(
    AVVLA_ALPASIM=str(SCRATCH / "alpasim"),
    AVVLA_BASE=str(SCRATCH / "base"),
    AVVLA_DATA=str(SCRATCH / "data"),
    AVVLA_WORK=str(SCRATCH / "work"),
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_OFFLINE="1",
    MPLBACKEND="Agg",
    OMP_NUM_THREADS="1",  # several tests run side by side
)
for variable in (
    "AVVLA_ALPAMAYO",
    "AVVLA_ALPASIM_RUN",
    "AVVLA_CACHE_GB",
    "AVVLA_CARLA_HOST",
    "AVVLA_CARLA_PORT",
    "AVVLA_DEVICE",
    "AVVLA_WORKERS",
    "AVVLA_BACKEND",
    "CARLA_ROOT",
    "RAY_ADDRESS",
):
    os.environ.pop(variable, None)

prepare(own=True)  # whichever test imports Ray first

# A busy machine is no failure, and a run that fails must fail again.
settings.register_profile("avvla", deadline=None, derandomize=True)
settings.load_profile("avvla")


@pytest.fixture(autouse=True)
def fair_scheduling() -> Iterator[None]:
    """Put a test's process back among the others.

    SVT-AV1, which some test videos are encoded with, makes who calls it as root a real-time process
    of the highest priority. What inherits that starves the machine, and programs in Go then hang.
    """
    yield
    if hasattr(os, "SCHED_OTHER") and os.sched_getscheduler(0) != os.SCHED_OTHER:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@pytest.fixture(scope="session")
def ray_running() -> Iterator[None]:
    """A Ray cluster of two workers on the loopback for all tests, which ends its own processes."""
    from avvla.cluster.ray_cluster import cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent / "cluster"), prepend=os.pathsep)
        with cluster(2):
            yield


@pytest.fixture(scope="session")
def l2d_hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub cache with the drives of `l2d_factory.DRIVES`, not to be changed."""
    from l2d_factory import data_set

    root = tmp_path_factory.mktemp("l2d")
    data_set(root)
    return root


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(SCRATCH, ignore_errors=True)

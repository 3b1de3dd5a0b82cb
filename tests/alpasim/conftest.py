import pytest
from alpasim_factory import REAL, evaluated_run, run_folder, scored_run


@pytest.fixture(params=["old", "new"])
def run(request, tmp_path):
    """A made-up run folder of either vocabulary."""
    return run_folder(tmp_path / "run", old=request.param == "old")


@pytest.fixture
def evaluated(tmp_path):
    """An older run with its evaluation: one rollout left the road."""
    return evaluated_run(tmp_path / "run")


@pytest.fixture
def newest(tmp_path):
    """A newer run: metrics beside each log, a table and a summary."""
    return scored_run(tmp_path / "run")


def real_runs():
    return sorted(path for path in REAL.glob("v*") if path.is_dir()) if REAL.is_dir() else []


@pytest.fixture(params=real_runs(), ids=lambda path: path.name)
def real_run(request, tmp_path):
    """A copy of a folder that Alpasim's wizard wrote."""
    import shutil

    copy = tmp_path / "real"
    shutil.copytree(request.param, copy)
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return copy


@pytest.fixture
def write(tmp_path):
    """Puts bytes into a log, and gives its path."""

    def put(content):
        path = tmp_path / "rollout.asl"
        path.write_bytes(content)
        return path

    return put

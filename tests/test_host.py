import os
from collections.abc import Callable
from pathlib import Path

import pytest

from avvla import host
from avvla.errors import UserError

ROOTS = [
    ("AVVLA_DATA", "data", host.data_root),
    ("AVVLA_WORK", "work", host.work_root),
    ("AVVLA_ALPAMAYO", "alpamayo", host.alpamayo_root),
    ("AVVLA_ALPASIM", "alpasim", host.alpasim_root),
    ("AVVLA_BASE", "base", host.base_root),
]


@pytest.mark.parametrize(("variable", "name", "root"), ROOTS)
class TestFolders:
    def test_the_variable_decides(
        self, variable: str, name: str, root: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(variable, "/somewhere/else")
        assert root() == Path("/somewhere/else")

    def test_else_the_users_cache(
        self, variable: str, name: str, root: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
        assert root() == Path("/cache/avvla") / name

    def test_else_the_home(
        self, variable: str, name: str, root: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", "")
        monkeypatch.setenv("HOME", "/home/somebody")
        assert root() == Path("/home/somebody/.cache/avvla") / name

    @pytest.mark.parametrize("text", ["relative/path", "", "~/data"])
    def test_a_relative_path_is_refused(
        self,
        variable: str,
        name: str,
        root: Callable[[], Path],
        text: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv(variable, text)
        with pytest.raises(UserError, match=f"{variable} is '{text}', expected an absolute path"):
            root()


def test_workers_default_to_the_cores_of_this_process() -> None:
    assert host.workers() == len(os.sched_getaffinity(0))


def test_workers_of_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVVLA_WORKERS", "3")
    assert host.workers() == 3


@pytest.mark.parametrize("text", ["0", "-1", "two", "", "1.5"])
def test_workers_must_be_a_whole_number(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVVLA_WORKERS", text)
    with pytest.raises(UserError, match=r"AVVLA_WORKERS is .*, expected a whole number"):
        host.workers()


def test_quota_of_the_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    assert host.data_quota_bytes() is None
    monkeypatch.setenv("AVVLA_DATA_GB", "0.5")
    assert host.data_quota_bytes() == 500_000_000


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "5 GB"])
def test_a_quota_must_be_a_positive_number(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVVLA_DATA_GB", text)
    with pytest.raises(UserError, match=r"AVVLA_DATA_GB is '.*', expected a number of GB above 0"):
        host.data_quota_bytes()


def test_a_plain_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    assert host.nvidia_tree() is None
    monkeypatch.setenv("AVVLA_NVIDIA_TREE", "/mnt/nvidia")
    assert host.nvidia_tree() == Path("/mnt/nvidia")
    monkeypatch.setenv("AVVLA_NVIDIA_TREE", "nvidia")
    with pytest.raises(UserError, match="AVVLA_NVIDIA_TREE is 'nvidia', expected an absolute path"):
        host.nvidia_tree()


@pytest.mark.parametrize("text", [None, "local", "ray"])
def test_backend(text: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if text is not None:
        monkeypatch.setenv("AVVLA_BACKEND", text)
    assert host.backend() == (text or "local")


@pytest.mark.parametrize("text", ["", "Ray", "slurm"])
def test_another_backend_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVVLA_BACKEND", text)
    with pytest.raises(UserError, match=f"AVVLA_BACKEND is '{text}', expected local or ray"):
        host.backend()


@pytest.mark.parametrize("text", ["10.0.0.7:6379", "head:6379", "[fe80::1]:6379", "auto"])
def test_ray_address(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert host.ray_address() is None
    monkeypatch.setenv("RAY_ADDRESS", text)
    assert host.ray_address() == text
    monkeypatch.setenv("RAY_ADDRESS", "")
    assert host.ray_address() is None


def test_device(monkeypatch: pytest.MonkeyPatch) -> None:
    assert host.device() == "cpu"
    monkeypatch.setenv("AVVLA_DEVICE", "cuda:1")
    assert host.device() == "cuda:1"


@pytest.mark.parametrize(
    ("variable", "folder"),
    [("AVVLA_HDF5", host.episodes_root), ("AVVLA_ALPASIM_RUN", host.alpasim_run)],
)
def test_inputs_of_this_machine_have_no_default(
    variable: str, folder: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(tmp_path))
    assert folder() == tmp_path
    for text, told in ((str(tmp_path / "no"), "no folder"), ("here", "expected an absolute path")):
        monkeypatch.setenv(variable, text)
        with pytest.raises(UserError, match=told):
            folder()
    monkeypatch.delenv(variable)
    with pytest.raises(UserError, match=f"{variable} is not set: set it to"):
        folder()


def test_decoded_frames_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    assert host.frame_cache_bytes() == 4_000_000_000
    monkeypatch.setenv("AVVLA_CACHE_GB", "0")
    assert host.frame_cache_bytes() == 0


@pytest.mark.parametrize("text", ["", "-1", "nan", "inf", "5 GB"])
def test_the_bound_must_be_a_number(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVVLA_CACHE_GB", text)
    with pytest.raises(UserError, match=r"AVVLA_CACHE_GB is '.*', expected a number of GB of 0 or"):
        host.frame_cache_bytes()

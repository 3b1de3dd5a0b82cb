"""The closed-loop suite gives the same bytes on a Ray cluster as on processes of this machine."""

from avvla.evaluation import suite
from avvla.evaluation.drivers import Drivers
from avvla.evaluation.drives import save_drives
from avvla.evaluation.names import CONSTANT_VELOCITY


def test_where_the_suite_drives_changes_no_byte(params, ray_running, monkeypatch, tmp_path):
    monkeypatch.setattr(suite, "JUDGED", ("stop", "lead"))
    monkeypatch.setattr(suite, "ON_THE_ROAD", (CONSTANT_VELOCITY,))
    drivers = Drivers(tmp_path / "none", "cpu")
    for backend in ("local", "ray"):
        monkeypatch.setenv("AVVLA_BACKEND", backend)
        save_drives(tmp_path / f"{backend}.npz", suite.run(drivers, params, 2))
    assert (tmp_path / "local.npz").read_bytes() == (tmp_path / "ray.npz").read_bytes()

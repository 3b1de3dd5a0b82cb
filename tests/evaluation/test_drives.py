import math
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from avvla.errors import UserError
from avvla.evaluation.drives import ROW, load_drives, save_drives


def test_round_trip(tmp_path, drives):
    listed = drives["agent"]
    listed = [replace(listed[0], gap_m=math.inf, success=True, seed=2**40), *listed[1:]]
    save_drives(tmp_path / "drives.npz", {"agent": listed, "blind": listed[::-1]})
    loaded = load_drives(tmp_path / "drives.npz")
    assert list(loaded) == ["agent", "blind"]
    for got, expected in zip(loaded["agent"] + loaded["blind"], listed + listed[::-1], strict=True):
        for name in ROW:
            assert getattr(got, name) == getattr(expected, name)
            assert type(getattr(got, name)) in (str, int, bool, float)
        assert got.commands == expected.commands
        np.testing.assert_allclose(got.states, expected.states, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(got.road, expected.road, rtol=1e-6, atol=1e-6)


def test_no_drives_are_a_file_too(tmp_path):
    save_drives(tmp_path / "drives.npz", {})
    assert load_drives(tmp_path / "drives.npz") == {}


def test_same_drives_same_bytes_without_times_or_pickles(tmp_path, drives):
    paths = [tmp_path / "a.npz", tmp_path / "b.npz"]
    for path in paths:
        save_drives(path, drives)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with zipfile.ZipFile(paths[0]) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.npz"]


def test_bad_files_end_in_one_line(tmp_path, drives):
    path = tmp_path / "drives.npz"
    with pytest.raises(UserError, match="is missing: run `dvc repro evaluate`"):
        load_drives(path)
    np.savez(path, driver=np.array(["agent"]))
    with pytest.raises(UserError, match="lacks collided, command, commands, family"):
        load_drives(path)
    save_drives(path, drives)
    whole = path.read_bytes()
    for damaged in (b"", b"no archive", whole[: len(whole) // 2], whole[:200] + whole[300:]):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="cannot be read"):
            load_drives(path)

import contextlib
import errno
import io
import os
import tracemalloc
import zipfile

import numpy as np
import pytest
from drives import drives
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avvla.actions.files import fit_file
from avvla.actions.fit import fit_actions
from avvla.errors import UserError


def windows(n=3):
    states, _ = drives("turn", n)
    return {"xy": states[..., :2], "yaw": states[..., 2], "v": states[..., 3], "dt": 0.1}


def refused(tmp_path, arrays, match):
    source = tmp_path / "in.npz"
    np.savez(source, **arrays)
    with pytest.raises(UserError, match=match):
        fit_file(source, tmp_path / "out.npz", "euler")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.npz"]


@pytest.mark.parametrize("integrator", ["euler", "trapezoid"])
@pytest.mark.parametrize("measured", [True, False])
def test_writes_the_documented_arrays(tmp_path, integrator, measured):
    arrays = windows()
    if not measured:
        del arrays["v"]
    np.savez(tmp_path / "in.npz", **arrays)
    fit_file(tmp_path / "in.npz", tmp_path / "out", integrator)
    with np.load(tmp_path / "out", allow_pickle=False) as out:
        shapes = {key: out[key].shape for key in out}
        assert out["valid"].dtype == bool
        assert out["valid"].all()
    assert shapes == {
        "v0": (3,),
        "action": (3, 64, 2),
        "trajectory": (3, 64, 3),
        "ade": (3,),
        "fde": (3,),
        "max_error": (3,),
        "valid": (3,),
        "reason": (3,),
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.npz", "out"]


def test_same_input_same_bytes(tmp_path, monkeypatch):
    np.savez(tmp_path / "in.npz", **windows())
    fit_file(tmp_path / "in.npz", tmp_path / "a.npz", "euler")
    monkeypatch.setattr("time.time", lambda: 2e9)
    fit_file(tmp_path / "in.npz", tmp_path / "b.npz", "euler")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    dates = {info.date_time for info in zipfile.ZipFile(tmp_path / "a.npz").infolist()}
    assert dates == {(1980, 1, 1, 0, 0, 0)}


def test_a_window_with_nan_is_invalid_and_no_error(tmp_path):
    arrays = windows()
    arrays["xy"][1, 3] = np.nan
    np.savez(tmp_path / "in.npz", **arrays)
    fit_file(tmp_path / "in.npz", tmp_path / "out.npz", "euler")
    with np.load(tmp_path / "out.npz") as out:
        assert out["valid"].tolist() == [True, False, True]
        assert out["reason"].tolist() == ["", "nan", ""]


def test_integers_and_single_precision_are_numbers(tmp_path):
    np.savez(
        tmp_path / "in.npz",
        xy=np.zeros((1, 80, 2), np.int32),
        yaw=np.zeros((1, 80), np.float32),
        dt=np.float32(0.1),
    )
    assert fit_file(tmp_path / "in.npz", tmp_path / "out.npz", "euler").valid == 1


def outputs(path):
    with np.load(path, allow_pickle=False) as out:
        return {key: out[key] for key in out}


@pytest.mark.parametrize("method", ["joint", "sequential"])
def test_blocks_do_not_show(tmp_path, monkeypatch, method):
    """In one block, in blocks of two, deflated, with rows that do not follow each other."""
    arrays = windows(5)
    arrays["xy"][2, 50] = np.nan
    np.savez(tmp_path / "whole.npz", **arrays)
    np.savez_compressed(tmp_path / "deflated.npz", **arrays)
    np.savez(tmp_path / "fortran.npz", **{k: np.asfortranarray(v) for k, v in arrays.items()})
    whole = fit_file(tmp_path / "whole.npz", tmp_path / "a.npz", "euler", method)
    monkeypatch.setattr("avvla.actions.files.BLOCK", 2)
    for name in ("whole", "deflated", "fortran"):
        summary = fit_file(tmp_path / f"{name}.npz", tmp_path / "b.npz", "euler", method)
        assert (summary.windows, summary.valid) == (whole.windows, whole.valid) == (5, 4)
        assert summary.ade_mean == pytest.approx(whole.ade_mean)
        assert (tmp_path / "b.npz").read_bytes() == (tmp_path / "a.npz").read_bytes()


def test_the_file_has_what_the_fit_has(tmp_path):
    arrays = windows(2)
    np.savez(tmp_path / "in.npz", **arrays)
    fit_file(tmp_path / "in.npz", tmp_path / "out.npz", "trapezoid")
    fit = fit_actions(arrays["xy"], arrays["yaw"], arrays["v"], 0.1, "trapezoid", 1.0)
    for key, value in outputs(tmp_path / "out.npz").items():
        np.testing.assert_array_equal(value, getattr(fit, key))


def test_methods_differ(tmp_path):
    np.savez(tmp_path / "in.npz", **windows())
    joint = fit_file(tmp_path / "in.npz", tmp_path / "out.npz", "trapezoid")
    sequential = fit_file(tmp_path / "in.npz", tmp_path / "out.npz", "trapezoid", "sequential")
    assert joint.ade_mean < sequential.ade_mean
    with pytest.raises(UserError, match="method is 'both', expected joint or sequential"):
        fit_file(tmp_path / "in.npz", tmp_path / "out.npz", "euler", "both")


def test_memory_does_not_grow_with_the_file(tmp_path, monkeypatch):
    n = 20_000
    np.savez(tmp_path / "in.npz", xy=np.zeros((n, 80, 2)), yaw=np.zeros((n, 80)), dt=0.1)
    monkeypatch.setattr("avvla.actions.files.BLOCK", 256)
    tracemalloc.start()
    fit_file(tmp_path / "in.npz", tmp_path / "out.npz", "euler", "sequential")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.4 * (tmp_path / "in.npz").stat().st_size


def test_no_valid_window_has_no_error_to_average(tmp_path):
    arrays = windows()
    arrays["yaw"][:] = np.nan
    np.savez(tmp_path / "in.npz", **arrays)
    summary = fit_file(tmp_path / "in.npz", tmp_path / "out.npz", "euler")
    assert (summary.windows, summary.valid) == (3, 0)
    assert np.isnan(summary.ade_mean)


@pytest.mark.parametrize("key", ["xy", "yaw", "dt"])
def test_missing_key(tmp_path, key):
    arrays = windows()
    del arrays[key]
    refused(tmp_path, arrays, f"lacks {key}; expected an npz with xy")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"xy": np.zeros((3, 79, 2))}, r"xy has shape \(3, 79, 2\), expected \(N, 80, 2\)"),
        ({"xy": np.zeros(4)}, "xy has shape"),
        ({"yaw": np.zeros((2, 80))}, r"yaw has shape \(2, 80\), expected \(3, 80\)"),
        ({"v": np.zeros((3, 64))}, r"v has shape \(3, 64\)"),
        ({"dt": 0.05}, "dt is 0.05 s, expected 0.1 s"),
        ({"dt": np.nan}, "dt is nan"),
        ({"dt": np.zeros(79)}, r"dt is an array of shape \(79,\)"),
        ({"yaw": np.full((3, 80), "left")}, "yaw holds <U4, expected numbers"),
        ({"xy": np.zeros((3, 80, 2), complex)}, "xy holds complex128"),
        ({"yaw": np.full((3, 80), None)}, "cannot be read"),
    ],
)
def test_bad_arrays(tmp_path, change, match):
    refused(tmp_path, windows() | change, match)


def test_no_window(tmp_path):
    empty = {"xy": np.zeros((0, 80, 2)), "yaw": np.zeros((0, 80)), "dt": 0.1}
    refused(tmp_path, empty, "holds no window")


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(UserError, match=r"absent.npz does not exist"):
        fit_file(tmp_path / "absent.npz", tmp_path / "out.npz", "euler")
    with pytest.raises(UserError, match="cannot be read"):
        fit_file(tmp_path, tmp_path / "out.npz", "euler")
    np.savez(tmp_path / "in.npz", **windows())
    with pytest.raises(UserError, match="integrator is 'rk4'"):
        fit_file(tmp_path / "in.npz", tmp_path / "out.npz", "rk4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.npz"]


@pytest.mark.parametrize(
    ("output", "match"),
    [
        ("taken", "taken is a folder, expected the name of a file"),
        ("pipe", "pipe is no file, expected the name of one"),
        ("plain/out.npz", r"plain/out.npz cannot be written \(.*plain: .*\): make room or name"),
        ("in.npz", "in.npz is the input too, and would be lost: name another output"),
        ("link.npz", "link.npz is the input too"),
    ],
)
def test_an_output_that_is_something_else_already_stays_what_it_is(tmp_path, output, match):
    np.savez(tmp_path / "in.npz", **windows())
    (tmp_path / "link.npz").symlink_to("in.npz")
    (tmp_path / "plain").touch()
    (tmp_path / "taken").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = {path.name: path.lstat() for path in tmp_path.iterdir()}
    with pytest.raises(UserError, match=match):
        fit_file(tmp_path / "in.npz", tmp_path / output, "euler")
    after = {path.name: path.lstat() for path in tmp_path.iterdir()}
    assert {name: (one.st_ino, one.st_mtime_ns) for name, one in after.items()} == {
        name: (one.st_ino, one.st_mtime_ns) for name, one in before.items()
    }


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    np.savez(tmp_path / "in.npz", **windows())
    (tmp_path / "out.npz").write_text("earlier")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(
        UserError, match=r"cannot be written \(No space left on device\): make room"
    ):
        fit_file(tmp_path / "in.npz", tmp_path / "out.npz", "euler")
    assert (tmp_path / "out.npz").read_text() == "earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.npz", "out.npz"]


def test_the_folder_of_the_output_is_made(tmp_path):
    np.savez(tmp_path / "in.npz", **windows())
    fit_file(tmp_path / "in.npz", tmp_path / "new" / "out.npz", "euler")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out.npz"]


def test_a_bare_array_and_a_pickle_are_no_npz(tmp_path):
    for array in (np.zeros((3, 80, 2)), np.array([None])):
        np.save(tmp_path / "in.npy", array)
        with pytest.raises(UserError, match=r"not a zip file\); expected an npz"):
            fit_file(tmp_path / "in.npy", tmp_path / "out.npz", "euler")


def test_a_header_that_promises_too_much(tmp_path):
    huge = io.BytesIO()
    head = {"descr": "<f8", "fortran_order": False, "shape": (10**15, 80, 2)}
    np.lib.format.write_array_header_1_0(huge, head)
    with zipfile.ZipFile(tmp_path / "in.npz", "w") as archive:
        archive.writestr("xy.npy", huge.getvalue())
    with pytest.raises(UserError, match=r"cannot be read \(xy.npy promises 1280+ bytes"):
        fit_file(tmp_path / "in.npz", tmp_path / "out.npz", "euler")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cut=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=6),
    header=st.booleans(),
)
def test_damaged_files_never_end_in_a_traceback(tmp_path, cut, flips, header):
    """Cut, then overwrite bytes: anywhere, or among the headers where they do most harm."""
    path = tmp_path / "in.npz"
    np.savez_compressed(path, **windows(1))
    data = bytearray(path.read_bytes())
    data = data[: int(cut * 4 * len(data))]
    reach = min(len(data), 256 if header else len(data))
    for where, value in flips if data else ():
        at = int(where * (reach - 1))
        data[at if value % 2 else -1 - at] = value
    path.write_bytes(bytes(data))
    with contextlib.suppress(UserError):
        fit_file(path, tmp_path / "out.npz", "euler")

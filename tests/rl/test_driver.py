"""Networks, and driving without Ray: files, equality, bad input."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from rl_factory import CONTINUOUS, SMALL

from avvla.errors import UserError
from avvla.rl.driver import (
    DRIVER,
    WEIGHTS,
    NetworkDriver,
    RandomDriver,
    copy_driver,
    load_driver,
    save_driver,
)
from avvla.rl.environment import make_environment
from avvla.rl.evaluation import drive
from avvla.rl.network import Encoder, Shape, make_network
from avvla.rl.reading import plain_of, settings_of
from avvla.rl.training import task_of

PICTURES = np.random.default_rng(0).integers(0, 256, (5, 24, 24, 3), np.uint8)


def saved(folder: Path, plain: dict) -> NetworkDriver:
    """A driver of random weights, written."""
    settings = settings_of(plain)
    shape = task_of(settings).shape
    torch.manual_seed(1)
    network = make_network(shape)
    save_driver(folder, plain_of(settings), shape, network)
    return NetworkDriver(network, shape)


@pytest.mark.parametrize("plain", [SMALL, CONTINUOUS])
def test_a_driver_that_is_loaded_acts_as_the_one_that_was_saved(tmp_path, plain) -> None:
    driver = saved(tmp_path, plain)
    settings, loaded = load_driver(tmp_path)
    assert settings == settings_of(plain)
    np.testing.assert_array_equal(loaded.act(PICTURES), driver.act(PICTURES))
    space = make_environment(settings).action_space
    assert all(space.contains(action) for action in loaded.act(PICTURES))


def test_equal_weights_give_equal_bytes(tmp_path) -> None:
    for name in ("a", "b"):
        saved(tmp_path / name, SMALL)
    for name in (DRIVER, WEIGHTS):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_an_exported_driver_drives_where_ray_cannot_be_imported(tmp_path) -> None:
    saved(tmp_path, SMALL)
    script = (
        "import sys; sys.modules['ray'] = None\n"
        "from avvla import cli\n"
        f"sys.exit(cli.main(['rl', 'infer', {str(tmp_path)!r}, '--episodes', '2']))"
    )
    runs = [subprocess.run([sys.executable, "-c", script], capture_output=True) for _ in range(2)]
    assert runs[0].returncode == 0, runs[0].stderr
    assert runs[0].stdout == runs[1].stdout
    assert [line.split(b":")[0] for line in runs[0].stdout.splitlines()] == [
        b"road 0",
        b"road 1",
        b"mean",
    ]


def test_values_are_scaled_pixels_and_a_dueling_network_has_the_mean_of_its_value() -> None:
    shape = Shape(
        kind="q", picture=(24, 24, 3), actions=4, conv=((4, 8, 4),), hidden=(16,), dueling=True
    )
    network = make_network(shape)
    pictures = torch.from_numpy(PICTURES)
    features = network.encoder(pictures)
    values = network.value(features)
    torch.testing.assert_close(network(pictures).mean(dim=-1, keepdim=True), values)
    flat = network.encoder.conv(pictures.float().permute(0, 3, 1, 2) / 255).flatten(1)
    torch.testing.assert_close(network.encoder.dense(flat), features)


def test_a_picture_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="too small"):
        Encoder(Shape(kind="q", picture=(7, 7, 3), actions=2, conv=((4, 8, 4),), hidden=(8,)))


def test_chance_repeats_and_stays_in_the_space() -> None:
    space = make_environment(settings_of(SMALL)).action_space
    first, second = (RandomDriver(space, 3).act(PICTURES) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert all(space.contains(action) for action in first)


def test_drives_do_not_depend_on_who_drives_beside(small, tmp_path) -> None:
    driver = saved(tmp_path, SMALL)
    together = drive(small, driver, [1, 2, 3])
    assert together == [drive(small, driver, [road])[0] for road in (1, 2, 3)]


def damage(folder: Path, what: str) -> None:
    if what == "cut":
        path = folder / WEIGHTS
        path.write_bytes(path.read_bytes()[:-100])
    elif what in (DRIVER, WEIGHTS):
        (folder / what).unlink()
    elif what == "json":
        (folder / DRIVER).write_text("{")
    else:
        record = json.loads((folder / DRIVER).read_text())
        record["shape"]["hidden"] = [17]
        (folder / DRIVER).write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("cut", "cannot be used"),
        (DRIVER, r"driver\.json is missing"),
        (WEIGHTS, r"network\.safetensors is missing"),
        ("json", "Invalid JSON"),
        ("shape", "cannot be used .*size mismatch"),
    ],
)
def test_a_damaged_driver_is_told_in_one_line(tmp_path, what, told) -> None:
    saved(tmp_path, SMALL)
    damage(tmp_path, what)
    with pytest.raises(UserError, match=told) as caught:
        load_driver(tmp_path)
    assert "\n" not in str(caught.value)
    assert "avvla rl export" in str(caught.value)


def test_a_copy_is_whole_and_overwrites_nothing(tmp_path) -> None:
    saved(tmp_path / "a", SMALL)
    copy_driver(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b" / WEIGHTS).read_bytes() == (tmp_path / "a" / WEIGHTS).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    with pytest.raises(UserError, match=r"b exists: name a folder"):
        copy_driver(tmp_path / "a", tmp_path / "b")

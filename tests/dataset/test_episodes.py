import json

import numpy as np
import pytest
import torch
from hdf5_factory import episodes, inputs

from avvla.dataset.builder import build
from avvla.dataset.episodes import STATISTICS, of_robot, open_episodes, statistics
from avvla.errors import UserError

FEATURES = {"observation.state": {"shape": (6,)}, "action": {"shape": (6,)}}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Three episodes of 8, 9 and 10 frames."""
    folder = tmp_path_factory.mktemp("built")
    episodes(folder / "episodes", 3)
    build(inputs(folder), folder / "lerobot", 1)
    return folder / "lerobot"


def test_a_chunk_is_what_follows_and_is_masked_past_the_episode_s_end(root):
    every = open_episodes(root, [0, 1, 2], chunk_size=1)
    samples = open_episodes(root, [0, 2], chunk_size=4)
    assert len(samples) == 8 + 10
    for place, (first, length) in ((0, (0, 8)), (8, (17, 10))):
        for frame in range(length):
            item = samples[place + frame]
            inside = min(4, length - frame)
            assert item["action_is_pad"].tolist() == [False] * inside + [True] * (4 - inside)
            for step in range(inside):
                wanted = every[first + frame + step]["action"][0]
                torch.testing.assert_close(item["action"][step], wanted, rtol=0, atol=0)


def test_a_robot_is_told_from_a_car(root, tmp_path):
    assert of_robot(root)
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/info.json").write_text('{"robot_type": "ego_vehicle"}')
    assert not of_robot(tmp_path)


@pytest.mark.parametrize("text", [None, "", "{}", "[]"])
def test_no_data_set_is_one_line(tmp_path, text):
    if text is not None:
        (tmp_path / "meta").mkdir()
        (tmp_path / "meta/info.json").write_text(text)
    with pytest.raises(UserError, match=r"info.json cannot be read \(\w+\): make it again"):
        of_robot(tmp_path)
    with pytest.raises(UserError, match=r"info.json cannot be read \(\w+\): make it again"):
        open_episodes(tmp_path, [0], 4)


def test_statistics_come_from_the_file(root):
    stored = json.loads((root / STATISTICS).read_text())
    found = statistics(root, FEATURES)
    for name in FEATURES:
        for statistic in ("mean", "std"):
            np.testing.assert_allclose(found[name][statistic], stored[name][statistic], rtol=1e-6)


GOOD = {name: {"mean": [0.0] * 6, "std": [1.0] * 6} for name in FEATURES}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        # The statistics that came with the origin's configuration.
        ({"mean": [0.0] * 3}, r"the mean of observation.state has the shape \(3,\), the data have"),
        ({"std": [1.0] * 12}, r"the std of observation.state has the shape \(12,\), the data have"),
        ({"mean": [float("nan")] * 6}, "the mean of observation.state is not finite"),
        ({"std": None}, r"the std of observation.state has the shape \(\), the data have"),
        ({"std": ["a"] * 6}, "has no std of observation.state"),
    ],
)
def test_statistics_that_do_not_fit_are_told_before_the_first_step(tmp_path, change, told):
    wrong = GOOD | {"observation.state": GOOD["observation.state"] | change}
    (tmp_path / "meta").mkdir()
    (tmp_path / STATISTICS).write_text(json.dumps(wrong))
    with pytest.raises(UserError, match=told):
        statistics(tmp_path, FEATURES)


@pytest.mark.parametrize(
    ("text", "told"),
    [(None, r"stats.json cannot be read"), ("{", "cannot be read"), ("{}", "has no mean of obs")],
)
def test_missing_statistics_are_told(tmp_path, text, told):
    (tmp_path / "meta").mkdir()
    if text is not None:
        (tmp_path / STATISTICS).write_text(text)
    with pytest.raises(UserError, match=told):
        statistics(tmp_path, FEATURES)

import pytest
import torch
from hdf5_factory import episodes, inputs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avvla.dataset.builder import build
from avvla.dataset.episode_frames import FromMemory, FromVideo, open_samples
from avvla.dataset.episodes import open_episodes
from avvla.errors import UserError

CHUNK, CHOSEN = 5, (0, 2, 3)
FRAMES = 8 + 10 + 11


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Four episodes of 8 to 11 frames, three cameras of 64 px."""
    folder = tmp_path_factory.mktemp("built")
    episodes(folder / "episodes", 4)
    build(inputs(folder), folder / "lerobot", 1)
    return folder / "lerobot"


@pytest.fixture(scope="module")
def both(root):
    dataset = open_episodes(root, CHOSEN, CHUNK)
    return FromMemory(dataset, CHUNK), FromVideo(dataset)


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(chosen=st.lists(st.integers(0, FRAMES - 1), min_size=1, max_size=6))
def test_memory_gives_lerobot_s_tensors_to_the_bit(both, chosen):
    ours, theirs = (samples.read(chosen) for samples in both)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        if name == "task":
            assert ours[name] == value
        else:
            assert ours[name].dtype == value.dtype, name
            assert torch.equal(ours[name], value), name


def test_both_know_the_episode_of_every_sample(both):
    wanted = [0] * 8 + [2] * 10 + [3] * 11
    assert [samples.episode.tolist() for samples in both] == [wanted, wanted]


def test_what_is_read_is_a_copy(both):
    memory, _ = both
    for name in ("observation.state", "action", "observation.images.camera1"):
        memory.read([4])[name].zero_()
        assert memory.read([4])[name].abs().sum() > 0


def test_frames_that_do_not_fit_are_read_from_the_video(root):
    dataset = open_episodes(root, CHOSEN, CHUNK)
    needed = FRAMES * 3 * 64 * 64 * 3
    assert isinstance(open_samples(dataset, CHUNK, needed), FromMemory)
    assert isinstance(open_samples(dataset, CHUNK, needed - 1), FromVideo)


def test_a_damaged_video_is_told(root):
    video = next(root.glob("videos/observation.images.camera2/**/*.mp4"))
    content = video.read_bytes()
    video.write_bytes(content[: len(content) // 2])
    try:
        with pytest.raises(UserError, match=r"camera2.* (cannot be decoded|lacks \d+ frames)"):
            open_samples(open_episodes(root, CHOSEN, CHUNK), CHUNK, 10**9)
    finally:
        video.write_bytes(content)

"""Frames at given times of a long video, wherever they are, and its damage in one line."""

from fractions import Fraction

import av
import numpy as np
import pytest
from l2d_factory import HEIGHT, VIDEO, WIDTH, brightness

from avvla.errors import UserError
from avvla.l2d.video import decode

SHAPE = (HEIGHT, WIDTH)
# Windows of 60 frames follow each other in the video; the frames of window w begin at 30 (w % 4).
LEVEL = brightness(np.concatenate([30 * (window % 4) + np.arange(60) for window in range(16)]))


def levels(copy, numbers):
    images = decode(copy.snapshot / VIDEO, np.asarray(numbers) / 10, 10, SHAPE)
    assert images.shape == (len(numbers), *SHAPE, 3)
    return images.mean((1, 2, 3))


@pytest.mark.parametrize(
    "numbers", [[0], [959], [1, 2, 3], [5, 10, 15, 20], [0, 400, 401, 900], [7, 29, 49, 71], []]
)
def test_the_frames_are_those_at_the_times(whole, numbers):
    np.testing.assert_allclose(levels(whole, numbers), LEVEL[numbers], atol=2)


def test_random_frames_are_those_at_the_times(whole):
    rng = np.random.default_rng(3)
    for _ in range(8):
        numbers = np.sort(rng.choice(960, rng.integers(1, 12), replace=False))
        np.testing.assert_allclose(levels(whole, numbers), LEVEL[numbers], atol=2)


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libsvtav1", {"g": "2", "preset": "12"}),
        ("libsvtav1", {"g": "300", "preset": "12"}),
        ("libx264", {"g": "300", "bf": "3", "preset": "ultrafast"}),
    ],
    ids=["AV1, key frames", "AV1, one key frame", "H.264, one key frame and B-frames"],
)
def test_any_codec_and_distance_of_key_frames_will_do(tmp_path, codec, options):
    path, level = tmp_path / "v.mp4", 10 + np.arange(200) % 24 * 10
    write_video(path, codec, options, level)
    rng = np.random.default_rng(1)
    for count in (1, 2, 5, 20):
        numbers = np.sort(rng.choice(200, count, replace=False))
        images = decode(path, numbers / 10, 10, (64, 64))
        np.testing.assert_allclose(images.mean((1, 2, 3)), level[numbers], atol=4)


@pytest.mark.parametrize("time_s", [96.0, 1000.0])
def test_a_time_after_the_end_is_one_line(whole, time_s):
    with pytest.raises(UserError, match=rf"has no frame at {time_s:.3f} s"):
        decode(whole.snapshot / VIDEO, np.array([1.0, time_s]), 10, SHAPE)


def test_images_of_another_size_are_one_line(whole):
    with pytest.raises(UserError, match=rf"images of {WIDTH} x {HEIGHT} px, info.json tells 8 x 6"):
        decode(whole.snapshot / VIDEO, np.array([1.0]), 10, (6, 8))


@pytest.mark.parametrize("damage", ["missing", "text", "cut", "sound"])
def test_a_damaged_video_is_one_line(copy, damage):
    path = copy.snapshot / VIDEO
    content = path.read_bytes()
    path.unlink()
    if damage == "text":
        path.write_bytes(b"no video")
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "sound":
        write_sound(path)
    with pytest.raises(UserError, match=r"file-000.mp4 (cannot be read|has no frame)") as told:
        decode(path, np.array([90.0]), 10, SHAPE)
    assert "\n" not in str(told.value)


def write_video(path, codec, options, level):
    """Grey frames of these levels, ten a second."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, 10, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.gop_size = int(options["g"])
        for number, grey in enumerate(level.tolist()):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), grey, np.uint8), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def write_sound(path):
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.rate = 8000
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))

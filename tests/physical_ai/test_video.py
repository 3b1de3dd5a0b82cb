"""The mp4 of a clip: same bytes, right frames at the right times."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.frame import PictureType

from avvla.physical_ai.video import encode


def _frames(count: int) -> np.ndarray:
    noise = np.random.default_rng(3).integers(90, 160, (36, 64, 3))
    return np.stack([noise // 2 + 5 * index for index in range(count)]).astype(np.uint8)


@pytest.mark.parametrize(
    ("period_us", "rate"),
    [(500_000, Fraction(2)), (33_333, Fraction(30)), (1001 / 0.03, Fraction(30_000, 1001))],
)
def test_rate_and_presentation_times(period_us: float, rate: Fraction) -> None:
    with av.open(io.BytesIO(encode(_frames(12), period_us))) as file:
        stream = file.streams.video[0]
        assert stream.average_rate == rate
        assert stream.start_time == 0
        decoded = list(file.decode(video=0))
    assert [frame.pts * stream.time_base for frame in decoded] == [i / rate for i in range(12)]
    assert PictureType.B not in {frame.pict_type for frame in decoded}


def test_noise_survives_almost_unchanged() -> None:
    frames = _frames(6)
    with av.open(io.BytesIO(encode(frames, 500_000))) as file:
        decoded = np.stack([frame.to_ndarray()[:36] for frame in file.decode(video=0)])
    luma = 16 + 219 / 255 * (frames @ [0.299, 0.587, 0.114])
    assert np.abs(decoded - luma).mean() < 2.0


def test_same_frames_same_bytes_and_no_trace_of_the_machine() -> None:
    first = encode(_frames(5), 500_000)
    assert first == encode(_frames(5), 500_000)
    assert b"Lavf" not in first


def test_a_line_one_pixel_wide_survives() -> None:
    frames = np.full((4, 36, 64, 3), 70, np.uint8)
    frames[:, :, 31] = 230
    with av.open(io.BytesIO(encode(frames, 500_000))) as file:
        for frame in file.decode(video=0):
            column = frame.to_ndarray(format="rgb24").mean(axis=(0, 2))
            assert column[31] > 215
            assert column[[28, 34]].max() < 85

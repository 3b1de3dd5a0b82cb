import cv2
import numpy as np
import pytest
import torch
from hdf5_factory import picture
from hypothesis import given
from hypothesis import strategies as st
from lerobot.policies.smolvla import modeling_smolvla

from avvla.hdf5.image import ImageError, check, decode, square


def jpeg(image):
    return cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].ravel()


@pytest.mark.parametrize("camera", [0, 1, 2])
def test_a_jpeg_comes_out_in_rgb(camera):
    decoded = decode(jpeg(picture(camera, 3)))
    assert decoded.shape == (24, 32, 3)
    assert decoded[:, 20:].mean(axis=(0, 1)).argmax() == camera


@pytest.mark.parametrize("share", [0.3, 0.9, 0.99])
def test_a_jpeg_that_ends_early_is_not_filled_with_grey(share):
    whole = jpeg(picture(0, 0))
    with pytest.raises(ImageError, match=r"\d+ bytes that are no whole JPEG"):
        decode(whole[: int(len(whole) * share)])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\0", "a single byte in place of a JPEG"),
        (b"", "0 bytes that are no whole JPEG"),
        (b"\xff\xd8\xff\xd9", "4 bytes that cannot be decoded"),
    ],
)
def test_other_bytes_are_told(content, told):
    with pytest.raises(ImageError, match=told):
        decode(np.frombuffer(content, np.uint8))


@given(st.binary(max_size=64))
def test_no_bytes_end_in_another_error(content):
    with pytest.raises(ImageError):
        decode(np.frombuffer(content, np.uint8))
    with pytest.raises(ImageError):
        decode(np.frombuffer(b"\xff\xd8" + content + b"\xff\xd9", np.uint8))


def test_a_black_picture_is_none():
    with pytest.raises(ImageError, match="all black"):
        check(np.zeros((4, 4, 3), np.uint8))
    dark = np.zeros((4, 4, 3), np.uint8)
    dark[0, 0, 0] = 1
    assert check(dark) is dark


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_a_square_keeps_the_aspect_and_pads_left_or_top(height, width, size):
    out = square(np.full((height, width, 3), 200, np.uint8), size)
    assert out.shape == (size, size, 3)
    scale = size / max(height, width)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    assert (out[size - rows :, size - columns :] == 200).all()
    assert out[: size - rows].sum() + out[:, : size - columns].sum() == 0


def test_a_square_lies_where_smolvla_would_put_it():
    """A grey picture through LeRobot's own padding."""
    grey = np.full((24, 32, 3), 128, np.uint8)
    batch = torch.from_numpy(grey).permute(2, 0, 1)[None].float()
    theirs = modeling_smolvla.resize_with_pad(batch, 64, 64, pad_value=0)[0].permute(1, 2, 0)
    np.testing.assert_array_equal(square(grey, 64), theirs.numpy())

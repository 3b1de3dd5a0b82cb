import contextlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.navsim import wire


def test_arrays_and_texts_come_back_as_they_were_sent():
    stream = io.BytesIO()
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    wire.send(stream, image=image, text="größer", poses=[[0.0, 1.0], [2.0, 3.0]])
    wire.send(stream, ready=1)
    stream.seek(0)
    first = wire.receive(stream)
    np.testing.assert_array_equal(first["image"], image)
    assert first["image"].dtype == np.uint8
    assert str(first["text"]) == "größer"
    assert first["poses"].tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert wire.receive(stream)["ready"] == 1
    assert wire.receive(stream) is None


def test_what_would_be_pickled_is_refused_and_nothing_is_sent():
    stream = io.BytesIO()
    with pytest.raises(ValueError, match="image is None, expected an array of numbers or a text"):
        wire.send(stream, image=None)
    assert stream.getvalue() == b""


def test_a_pickle_in_a_message_is_not_loaded():
    body = io.BytesIO()
    np.savez(body, evil=np.array([object], dtype=object))
    stream = io.BytesIO(wire.LENGTH.pack(body.tell()) + body.getvalue())
    with pytest.raises(ValueError, match="no archive of arrays"):
        wire.receive(stream)


@given(st.data())
def test_a_message_that_is_cut_off_or_changed_ends_in_a_sentence(data):
    stream = io.BytesIO()
    wire.send(stream, poses=np.zeros((2, 3)))
    whole = stream.getvalue()
    cut = whole[: data.draw(st.integers(1, len(whole) - 1))]
    with pytest.raises(ValueError, match="a message ends after"):
        wire.receive(io.BytesIO(cut))
    place = data.draw(st.integers(8, len(whole) - 1))
    changed = bytearray(whole)
    changed[place] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(ValueError):  # where the change is in what nobody reads, none
        wire.receive(io.BytesIO(bytes(changed)))


def test_a_length_of_something_else_is_refused_before_it_is_read():
    with pytest.raises(ValueError, match=r"has \d+ bytes, expected 268435456 at most"):
        wire.receive(io.BytesIO(b"Traceback (most recent call last)"))

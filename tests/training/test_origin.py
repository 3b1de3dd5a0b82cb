import numpy as np

from avvla.training.origin import Origin

ORIGIN = Origin.of(np.array([0, 0, 0, 4, 4]), {0: "a.h5", 4: "b.h5"})


def test_frames_are_counted_within_an_episode():
    assert ORIGIN.frame.tolist() == [0, 1, 2, 0, 1]
    assert ORIGIN.left.tolist() == [3, 2, 1, 2, 1]


def test_samples_are_told_by_name_and_frame():
    assert ORIGIN.told([1, 4]) == "a.h5 frame 1, b.h5 frame 1"
    assert ORIGIN.told([0, 1, 2, 3, 4, 0]).endswith("b.h5 frame 0, b.h5 frame 1, ...")

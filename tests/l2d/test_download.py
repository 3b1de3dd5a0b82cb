"""Which drives are chosen, what is listed for them, and why some cannot be had."""

import pytest
from l2d_factory import (
    DATA,
    DRIVES,
    EPISODES,
    FRONT,
    REVISION,
    VIDEO,
    AreThere,
    dataset,
)

from avvla.config import Params
from avvla.errors import UserError
from avvla.l2d import layout
from avvla.l2d.download import fetch
from avvla.physical_ai import manifest

SESSIONS = [drive.session for drive in DRIVES]


def test_state_and_front_camera_are_listed(whole, tmp_path):
    listing = whole.fetch(drives=2)
    assert [(file.path, file.feature) for file in listing.files] == [
        (DATA, "state"),
        (EPISODES, "metadata"),
        (layout.INFO, "metadata"),
        (VIDEO, FRONT),
    ]
    assert listing.chunks == (0, 1)
    assert (listing.source, listing.revision, listing.camera) == ("l2d", REVISION, FRONT)
    assert manifest.verify(listing, whole.root) == []
    manifest.save(listing, tmp_path / "manifest.json")
    assert manifest.load(tmp_path / "manifest.json") == listing
    assert whole.fetch(drives=2) == listing


def test_drives_are_those_that_come_first_or_are_named(whole):
    assert whole.fetch(drives=2).reading.drives == {SESSIONS[0]: 0, SESSIONS[1]: 1}
    named = whole.fetch(drives=1, sessions=[SESSIONS[2], SESSIONS[1]])
    assert named.reading.drives == {SESSIONS[1]: 1, SESSIONS[2]: 2}
    assert named.chunks == (1, 2)


def test_drives_without_a_sample_are_passed_over(copy):
    # Without its middle windows the first drive has two stretches of 6 s.
    copy.change(DATA, lambda table: table[~table[layout.EPISODE].isin([1, 2])])
    assert list(copy.fetch(drives=2).reading.drives) == SESSIONS[1:3]
    with pytest.raises(
        UserError, match=rf"drives is 3, .* has 2 .*{SESSIONS[0]}: no stretch with 1\.5 s before"
    ):
        copy.fetch(drives=3)


def test_learners_are_passed_over_unless_asked_for(whole):
    with pytest.raises(
        UserError,
        match=rf"drives is 4, .* has 3 .*{SESSIONS[3]}: nothing driven under the chosen policies"
        ".*dataset.l2d.student",
    ):
        whole.fetch(drives=4)
    listing = whole.fetch(drives=4, student=True)
    assert listing.chunks == (0, 1, 2, 3)
    assert listing.reading.policies == ("EXPERT", "STUDENT")
    with pytest.raises(UserError, match=rf"sessions give no sample \({SESSIONS[3]}: nothing"):
        whole.fetch(sessions=[SESSIONS[3]])


def test_an_unknown_drive_is_named(whole):
    with pytest.raises(UserError, match=r"sessions names 'abc', which is none of the 4 drives"):
        whole.fetch(sessions=["abc"])


def test_the_camera_has_to_be_one_of_the_data_set(whole):
    section = dataset().model_copy(update={"camera": Params().dataset.camera})
    with pytest.raises(UserError, match=r"dataset\.camera is 'camera_front_wide_120fov'"):
        fetch(section, whole.snapshot, REVISION, AreThere(whole.snapshot), 1)


@pytest.mark.parametrize("path", [DATA, VIDEO, EPISODES])
def test_a_missing_file_is_named(copy, path):
    (copy.snapshot / path).unlink()
    problem = f"no tables in {layout.EPISODES}" if path == EPISODES else f"{path} is not there"
    with pytest.raises(UserError, match=problem):
        copy.fetch()

"""Rollouts of both layouts: found, summed up, pruned only when nothing runs."""

import os
import time

import pytest
from alpasim_factory import OTHER_SCENE, ROLLOUT, SCENE, log, rollout

from avvla.alpasim.rollouts import LIVE_S, find, incomplete, remove
from avvla.errors import UserError


def age(folder, seconds):
    then = time.time() - seconds
    for path in [*folder.rglob("*"), folder]:
        os.utime(path, (then, then), follow_symlinks=False)


@pytest.fixture(params=[True, False], ids=["asl", "rollouts"])
def logged(request, tmp_path):
    """A run with a complete and an incomplete rollout."""
    rollout(tmp_path, log(3), old=request.param)
    rollout(tmp_path, log(1, wanted=3), old=request.param, complete=False, scene=OTHER_SCENE)
    age(tmp_path, 2 * LIVE_S)
    return tmp_path


def test_both_layouts(logged):
    found = find(logged)
    assert [(one.scene_id, one.id, one.complete) for one in found] == [
        (SCENE, ROLLOUT, True),
        (OTHER_SCENE, ROLLOUT, False),
    ]
    assert found[0].bytes == len(log(3))
    assert len(found[0].logs) == 1


def test_incomplete_ones_are_removed_and_their_bytes_told(logged):
    (doomed,) = incomplete(find(logged))
    assert doomed.bytes == len(log(1, wanted=3))
    remove([doomed])
    assert not doomed.folder.exists()
    assert [one.complete for one in find(logged)] == [True]
    assert not list(logged.rglob("*.pruned"))


def test_a_live_run_is_refused(logged):
    (doomed,) = incomplete(find(logged))
    doomed.logs[0].touch()
    with pytest.raises(UserError, match=r"written to \d+ s ago, so the run may be live"):
        incomplete(find(logged))
    age(logged, LIVE_S - 60)
    with pytest.raises(UserError, match="may be live"):
        incomplete(find(logged))


def test_links_are_not_followed(logged, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "kept").write_text("x")
    (doomed,) = incomplete(find(logged))
    (doomed.folder / "link").symlink_to(outside)
    (doomed.folder.parent / "linked").symlink_to(outside)
    (outside / "inside").mkdir()
    (doomed.folder.parents[1] / "linked-scene").symlink_to(outside)
    age(logged, 2 * LIVE_S)
    found = incomplete(find(logged))
    assert [one.id for one in found] == [ROLLOUT]
    remove(found)
    assert (outside / "kept").exists()


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(UserError, match="has neither asl/ nor rollouts/"):
        find(tmp_path)

import pytest
from hdf5_factory import episode, episodes, put_jpeg, truncate

from avvla.config import Hdf5
from avvla.errors import UserError
from avvla.hdf5 import findings, source
from avvla.hdf5.files import clip_id_of, facts, open_chunk
from avvla.physical_ai import manifest

SETTINGS = Hdf5(episodes_per_chunk=2)


@pytest.fixture
def folder(tmp_path):
    episodes(tmp_path / "episodes", 5)
    return tmp_path / "episodes"


def survey(folder, settings=SETTINGS):
    return source.survey(folder, settings, folder.parent / "work", 1)


def bring(folder, settings=SETTINGS):
    return source.link(survey(folder, settings), settings, folder.parent / "raw")


def test_nested_files_are_listed_sorted_in_groups(folder):
    listing = bring(folder)
    assert [file.path for file in listing.files] == [
        f"day_{i // 2}/episode_20250101_0000{i:02d}.h5" for i in range(5)
    ]
    assert [file.chunk for file in listing.files] == [0, 0, 1, 1, 2]
    assert (listing.source, listing.camera) == ("hdf5", None)
    assert manifest.verify(listing, folder.parent / "raw") == []


def test_the_manifest_does_not_say_where_the_files_lay(folder, tmp_path):
    first = bring(folder)
    folder.rename(tmp_path / "elsewhere")
    assert manifest.verify(first, tmp_path / "raw")  # the links lead nowhere
    assert bring(tmp_path / "elsewhere") == first
    assert manifest.verify(first, tmp_path / "raw") == []
    assert str(tmp_path) not in first.model_dump_json()


def test_a_changed_episode_is_another_revision(folder):
    first = bring(folder)
    episode(folder / "day_0/episode_20250101_000000.h5", frames=9, seed=9)
    second = bring(folder)
    assert first.revision != second.revision
    assert facts(first, 0) != facts(second, 0)
    assert facts(first, 1) == facts(second, 1)


def test_episodes_of_a_chunk_are_opened_by_path(folder):
    listing = bring(folder)
    found = [(clip, e.frames) for clip, e in open_chunk(listing, folder.parent / "raw", 1)]
    assert found == [
        ("day_1/episode_20250101_000002", 10),
        ("day_1/episode_20250101_000003", 11),
    ]
    assert clip_id_of(listing.files[2].path) == found[0][0]


def test_a_file_that_changed_after_the_import_is_told(folder):
    listing = bring(folder)
    truncate(folder / "day_0/episode_20250101_000000.h5")
    with pytest.raises(UserError, match=r"000000.h5 in .* has \d+ bytes, expected \d+: import"):
        list(open_chunk(listing, folder.parent / "raw", 0))


def test_truncated_files_are_told_by_name_and_nothing_is_made(folder):
    for number in (1, 4):
        truncate(folder / f"day_{number // 2}/episode_20250101_0000{number:02d}.h5")
    found = survey(folder)
    with pytest.raises(UserError, match=r"2 of 5 files .*000001.h5 cannot .*000004.h5 cannot"):
        source.link(found, SETTINGS, folder.parent / "raw")
    assert not (folder.parent / "raw").exists()


def test_faulty_frames_are_told_up_to_a_share_and_refused_above(folder):
    path = folder / "day_1/episode_20250101_000002.h5"
    put_jpeg(path, "tool_camera", 3, b"\0")
    found = survey(folder)
    assert findings.faults(found.findings) == [
        "day_1/episode_20250101_000002.h5 frame 3: tool_camera has a single byte in place of a"
        " JPEG, as when encoding it failed"
    ]
    with pytest.raises(UserError, match=r"1 of 50 frames .* = 0.01: day_1/.*000002.h5 frame 3: to"):
        source.link(found, SETTINGS, folder.parent / "raw")
    source.link(found, Hdf5(max_faulty=0.02), folder.parent / "raw")


def test_only_what_changed_is_looked_at_again(folder):
    def looked_at(settings):
        survey(folder, settings)
        return (folder.parent / "work/download/last_run.json").read_text()

    assert '"computed": 3' in looked_at(SETTINGS)
    assert '"computed": 0' in looked_at(SETTINGS.model_copy(update={"max_faulty": 0.5}))
    episode(folder / "day_0/episode_20250101_000000.h5", frames=9, seed=9)
    assert '"computed": 1' in looked_at(SETTINGS)


def test_cameras_must_be_alike(folder):
    episode(folder / "day_9/other.h5", cameras=("camera1",))
    with pytest.raises(
        UserError, match=r"1 of 6 files .*day_9/other.h5 has the cameras camera1, d"
    ):
        bring(folder)


def test_a_folder_without_episodes_is_told(tmp_path):
    with pytest.raises(UserError, match=r"holds no file \*.h5"):
        survey(tmp_path / "nowhere")


def test_a_name_that_no_manifest_holds_is_told(folder):
    (folder / "day_0/episode_20250101_000000.h5").rename(folder / "a\nb.h5")
    with pytest.raises(UserError, match=r"the file name 'a\\nb.h5' has characters"):
        survey(folder)

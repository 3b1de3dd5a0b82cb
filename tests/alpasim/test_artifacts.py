"""Scenes from a double of the hub on the loopback: resumed, verified, linked."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from loopback_hub import LoopbackHub, reached
from loopback_server import Fault

from avvla.alpasim import artifacts
from avvla.alpasim.scenes import REPOSITORY, Artifact
from avvla.errors import UserError

RELEASE = "26.04"


def artifact(clip, uuid=None, revision=RELEASE):
    place = f"set/26.04_release/{clip}/{clip}.usdz"
    return Artifact(uuid or f"uuid-{clip}", f"clipgt-{clip}", "26.4", place, "2026", revision)


def usdz(uuid, text=None):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        # A ZipInfo has a fixed time, a name the clock's.
        about = zipfile.ZipInfo("metadata.yaml")
        archive.writestr(about, text or f"uuid: {uuid}\nversion: 1\n")
        archive.writestr(zipfile.ZipInfo("mesh.bin"), bytes(range(256)) * 400)
    return target.getvalue()


A, B = artifact("a"), artifact("b")


@pytest.fixture
def hub(monkeypatch):
    files = {made.path: usdz(made.uuid) for made in (A, B)}
    for made, weather in ((A, "rain"), (B, ["clear"])):
        path = Path(made.path).with_name("labels.json").as_posix()
        files[path] = json.dumps({"weather": weather}).encode()
    files["set/26.04_release/a/preview.mp4"] = bytes(1000)
    files["set/26.04_release/z/labels.json"] = b"{}"
    with LoopbackHub(files, REPOSITORY, RELEASE) as served, reached(served, monkeypatch):
        yield served


def test_a_scene_is_a_file_in_the_folder_that_is_mounted(hub, tmp_path):
    (path,) = artifacts.download([A], tmp_path)
    assert path == tmp_path / "all-usdzs/uuid-a.usdz"
    assert path.read_bytes() == usdz("uuid-a")
    assert not path.is_symlink()
    asked = len(hub.log)
    assert artifacts.download([A], tmp_path) == [path]
    assert len(hub.log) == asked


def test_a_transfer_goes_on_where_it_was_cut(hub, tmp_path):
    hub.faults.append(Fault("/lfs/", cut_after=50_000))
    artifacts.download([A], tmp_path)
    assert len(hub.bodies()) == 2
    assert (tmp_path / "all-usdzs/uuid-a.usdz").read_bytes() == usdz("uuid-a")


def test_a_network_that_is_gone_leaves_a_part_for_the_next_time(hub, tmp_path):
    hub.left = 30_000
    with pytest.raises(UserError, match="what has arrived is kept"):
        artifacts.download([A], tmp_path)
    assert not (tmp_path / "all-usdzs").exists()
    hub.left = None
    sent = len(hub.bodies())
    artifacts.download([A], tmp_path)
    assert len(hub.bodies()) == sent + 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (usdz("other"), "has the uuid 'other', expected uuid-a as in the table"),
        (usdz("x", "- a list"), "has the uuid None"),
        (usdz("x", "a: ["), "is no scene"),
        (b"no zip", "is no scene (File is not a zip file), expected a .usdz"),
        (usdz("uuid-a")[:-40], "is no scene"),
    ],
)
def test_another_scene_never_gets_the_name(hub, tmp_path, content, told):
    hub.files[A.path] = content
    with pytest.raises(UserError) as stop:
        artifacts.download([A], tmp_path)
    assert told in str(stop.value)
    assert not (tmp_path / "all-usdzs").exists()


def test_a_table_without_releases(tmp_path):
    with pytest.raises(UserError, match=r"does not tell the release of clipgt-a.*sim_scenes_2505"):
        artifacts.download([artifact("a", revision="")], tmp_path)


def test_a_scene_that_the_hub_lacks(hub, tmp_path):
    with pytest.raises(UserError, match=r"has no .*c.usdz in the release 26.04"):
        artifacts.download([artifact("c")], tmp_path)


def test_labels_are_fetched_once_and_kept(hub, tmp_path):
    assert artifacts.known_labels([A, B], tmp_path) == {}
    assert artifacts.fetch_labels([A, B, artifact("c")], tmp_path) == 2
    assert artifacts.known_labels([A, B], tmp_path) == {
        "clipgt-a": {"weather": ("rain",)},
        "clipgt-b": {"weather": ("clear",)},
    }
    bodies = len(hub.bodies())
    artifacts.fetch_labels([A, B], tmp_path)
    assert len(hub.bodies()) == bodies
    assert not list(tmp_path.rglob("*.mp4"))


def test_links_into_a_set(hub, tmp_path):
    artifacts.download([A, B], tmp_path)
    name = "a-set"
    for _ in range(2):
        links = artifacts.link([A, B], [A, B], tmp_path, name)
    assert [path.relative_to(tmp_path).as_posix() for path in links] == [
        f"scenesets/{name}/uuid-a.usdz",
        f"scenesets/{name}/uuid-b.usdz",
    ]
    assert str(links[0].readlink()) == "../../all-usdzs/uuid-a.usdz"
    assert links[0].read_bytes() == usdz("uuid-a")


def test_a_set_has_one_artifact_of_a_scene(hub, tmp_path):
    artifacts.download([A], tmp_path)
    artifacts.link([A], [A], tmp_path, "set")
    again = artifact("a", "uuid-later")
    (tmp_path / "all-usdzs/uuid-later.usdz").write_bytes(b"")
    with pytest.raises(UserError, match=r"has uuid-a.usdz of clipgt-a already"):
        artifacts.link([again], [A, again], tmp_path, "set")
    with pytest.raises(UserError, match=r"uuid-b.usdz is missing: .*scenes download clipgt-b"):
        artifacts.link([B], [A, B], tmp_path, "set")

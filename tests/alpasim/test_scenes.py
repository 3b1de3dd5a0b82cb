"""Tables of scenes: one scene to several artifacts, releases as text."""

import re

import pytest
from alpasim_factory import TABLES

from avvla.alpasim import scenes
from avvla.errors import UserError

HEADER = "uuid,scene_id,nre_version_string,path,last_modified,artifact_repository,hf_revision\n"
ROWS = """\
u-old,clipgt-a,25.7.9-x,set/25.07/Batch1/a/a.usdz,2025-12-09 18:56:05,huggingface,25.05
u-new,clipgt-a,26.1.1-x,set/26.01/a/a.usdz,2026-03-16 22:00:27,huggingface,26.10
u-b,clipgt-b,26.1.1-x,set/26.01/b/b.usdz,2026-03-16 22:00:27,huggingface,26.10
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "sim_scenes.csv"
    path.write_text(HEADER + ROWS)
    return path


def test_the_newest_artifact_of_a_scene_unless_a_release_is_named(table):
    known = scenes.read([table])
    assert [made.uuid for made in known] == ["u-old", "u-new", "u-b"]
    for name in ("clipgt-a", "a"):
        assert scenes.choose(known, name).uuid == "u-new"
        assert scenes.choose(known, name, "25.05").uuid == "u-old"
    assert scenes.choose(known, "u-old").uuid == "u-old"
    assert scenes.choose(known, "a").revision == "26.10"  # not 26.1


def test_an_older_table_beside_a_newer_one(table, tmp_path):
    old = tmp_path / "old.csv"
    columns = [",".join(line.split(",")[:6]) for line in (HEADER + ROWS).splitlines()]
    old.write_text("\n".join(columns) + "\n")
    assert {made.revision for made in scenes.read([old])} == {""}
    assert scenes.read([old, table]) == scenes.read([table])
    assert scenes.read([table, old]) == scenes.read([table])


@pytest.mark.parametrize(
    ("name", "revision", "told"),
    [
        ("clipgt-aa", None, "no scene 'clipgt-aa': did you mean 'clipgt-a'?"),
        ("x", None, "no scene 'x', expected one of clipgt-a, clipgt-b"),
        ("b", "25.05", "b is not in the release '25.05', expected one of 26.10"),
    ],
)
def test_what_is_not_there(table, name, revision, told):
    with pytest.raises(UserError, match=re.escape(told)):
        scenes.choose(scenes.read([table]), name, revision)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has 0 rows and the columns none"),
        (HEADER, "has 0 rows"),
        ("a,b\n1,2\n", "expected uuid, scene_id"),
        (HEADER + ROWS + "u\n", ":5 is no whole row"),
        (HEADER + ROWS + ",a,b,c,d,e,f\n", ":5 has "),
        (HEADER + ROWS + "u,s,v,../../etc/passwd,t,h,26.04\n", ":5 has "),
        (HEADER + ROWS + "u,s,v,/etc/passwd,t,h,26.04\n", ":5 has "),
        (HEADER + ROWS + "u,s,v,p,t,h,26.04,more\n", ":5 is no whole row"),
    ],
)
def test_a_damaged_table(tmp_path, text, told):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=re.escape(told)):
        scenes.read([path])


def test_a_missing_or_binary_table(tmp_path):
    with pytest.raises(UserError, match="is missing, expected a table of Alpasim"):
        scenes.read([tmp_path / "t.csv"])
    (tmp_path / "t.csv").write_bytes(b"\xff\x00\xfe")
    with pytest.raises(UserError, match="cannot be read"):
        scenes.read([tmp_path / "t.csv"])


def test_suites(tmp_path):
    path = tmp_path / "suites.csv"
    path.write_text("test_suite_id,scene_id,uuid\npublic_1,clipgt-a,u-old\npublic_2,clipgt-b,u-b\n")
    assert scenes.suite(path, "public_1") == [("clipgt-a", "u-old")]
    with pytest.raises(UserError, match=r"no suite 'publik_1': did you mean 'public_1'"):
        scenes.suite(path, "publik_1")
    path.write_text("test_suite_id,scene_id\npublic_1,clipgt-a\n")
    assert scenes.suite(path, "public_1") == [("clipgt-a", None)]


real = pytest.mark.skipif(not TABLES.is_dir(), reason="Alpasim's scene tables are not here")


@real
def test_the_real_tables():
    newest = scenes.read([TABLES / "sim_scenes.csv"])
    assert len(newest) == 2523
    assert len({made.scene_id for made in newest}) == 2364
    assert {made.revision for made in newest} == {"26.01", "26.04"}
    both = scenes.read([TABLES / "sim_scenes.csv", TABLES / "sim_scenes_2505.csv"])
    default = "clipgt-05bb8212-63e1-40a8-b4fc-3142c0e94646"
    assert scenes.choose(both, default, "25.05").uuid == "318cf863-25ea-4d9b-b3b4-e4eb902bf69d"
    assert scenes.choose(both, default, "26.01").uuid == "353ffdbc-988d-4c6a-86de-1cee6caedae2"
    assert len(scenes.suite(TABLES / "sim_suites.csv", "public_2604")) == 1606
    assert all(made.clip == made.path.rpartition("/")[2][:-5] for made in both)

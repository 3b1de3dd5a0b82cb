import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scene_factory import agent, scene, straight

from avvla import cli
from avvla.errors import UserError
from avvla.evaluation.pdm.files import score_file

FORMAT = "navsim-neutral-scenes/1"


@pytest.fixture
def put(tmp_path):
    def write(*cases, name="cases.json", form=FORMAT, key="cases"):
        text = json.dumps({"format": form, key: list(cases)})
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write


def run(source, output, *more):
    given_ = ["pdm", "score", "--cases", str(source), "--output", str(output)]
    return cli.main([*given_, "--variant", "epdms_v2.2", *more])


@pytest.mark.parametrize("name", ["cases.json", "cases.json.gz"])
def test_a_file_of_scenes_becomes_one_of_scores(put, tmp_path, capsys, name):
    source, output = (
        put(scene(), scene(id="b", human_trajectory=straight(9.0)), name=name),
        tmp_path / f"out_{name}",
    )
    assert run(source, output) == 0
    content = output.read_bytes()
    found = json.loads(gzip.decompress(content) if name.endswith(".gz") else content)
    assert (found["format"], found["variant"]) == (FORMAT, "epdms_v2.2")
    first, second = found["cases"]
    assert first["id"] == "made"
    assert first["scores"]["epdms_if_ec_1"] == 1.0
    assert "scores_human_filter" not in first
    assert second["scores_human_filter"]["epdms_if_ec_1"] == 1.0
    assert len(first["interpolated_xyh"]) == len(first["simulated_states"]) == 41
    assert (len(first["interpolated_xyh"][0]), len(first["simulated_states"][0])) == (3, 11)
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == f"{output}: 2 cases, 0 failed, epdms_v2.2"
    assert run(source, output) == 0
    assert output.read_bytes() == content


def broken(**changes):
    return scene(id="bad", **changes)


def without(key):
    return {name: value for name, value in scene(id="bad").items() if name != key}


@pytest.mark.parametrize(
    ("case", "told"),
    [
        (without("agents"), "agents: Field required"),
        (
            broken(agents=[agent(5.0, float("nan"))]),
            "agents.0.states.0.2: Input should be a",
        ),
        (
            broken(prediction={"interval_s": 0.1, "poses": []}),
            "prediction.poses: Tuple should",
        ),
        (
            broken(prediction=straight(10.0, 12)),
            "12 poses reach 1.2 s, expected 3 s or more",
        ),
        (broken(prediction=straight(10.0, 30, 0.13)), "interval_s is 0.13, expected a multiple of"),
        ({"id": "bad"}, "ego: Field required"),
        (7, "the case: Input should be a valid dictionary"),
    ],
)
def test_a_case_that_cannot_be_scored_counts_as_zero(put, tmp_path, capsys, case, told):
    output = tmp_path / "out.json"
    assert run(put(case, scene()), output) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("avvla: case ")
    assert "counts as 0: " in line
    assert told in line
    bad, good = json.loads(output.read_text())["cases"]
    assert set(bad["scores"].values()) == {0.0}
    assert set(bad["scores"]) == set(good["scores"])
    assert told in bad["error"]


def test_means_are_over_all_cases(put, tmp_path):
    done = score_file(
        put({"id": "bad"}, scene()), tmp_path / "o.json", "pdms_v1.1", corrected=False
    )
    assert done.means["score"] == 0.5
    assert done.failed == (("bad", "ego: Field required"),)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "cannot be read as JSON"),
        (b"[]", "holds a list, expected an object"),
        (b'{"format": "other"}', "has the format 'other', expected one of navsim-neutral-scenes/1"),
        (f'{{"format": "{FORMAT}"}}'.encode(), "has no list 'cases' with a case in it"),
        (f'{{"format": "{FORMAT}", "cases": []}}'.encode(), "has no list 'cases'"),
    ],
)
def test_a_file_that_is_none_is_told(tmp_path, content, told):
    path = tmp_path / "cases.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=told):
        score_file(path, tmp_path / "out.json", "epdms_v2.2", corrected=False)
    assert not (tmp_path / "out.json").exists()


def test_a_missing_file_and_a_damaged_archive_are_told(put, tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        score_file(tmp_path / "no.json", tmp_path / "out.json", "epdms_v2.2", corrected=False)
    path = put(scene(), name="cases.json.gz")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="cannot be read as JSON"):
        score_file(path, tmp_path / "out.json", "epdms_v2.2", corrected=False)


def drive(speed=10.0):
    return {"ego": scene(speed)["ego"], "prediction": straight(speed)}


def test_plans_alone_and_pairs_of_plans(put, tmp_path):
    output = tmp_path / "out.json"
    assert run(put({"id": "s", **drive()}, form="navsim-neutral-sim/1"), output) == 0
    (found,) = json.loads(output.read_text())["cases"]
    assert all(found["comfort_flags"].values())
    later = drive()
    later["ego"] = {**later["ego"], "rear_axle": [5.0, 0.0, 0.0]}
    pair = {"id": "p", "gap_s": 0.5, "previous": drive(), "current": later}
    assert run(put(pair, form="navsim-neutral-ec/1", key="pairs"), output) == 0
    (found,) = json.loads(output.read_text())["pairs"]
    assert found["extended_comfort"] is True
    assert found["rms"]["jerk"] == pytest.approx(0.0, abs=1e-6)


KEYS = st.sampled_from(sorted(scene()))
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.none())
)


@settings(max_examples=60, deadline=None)
@given(key=KEYS, value=JUNK)
def test_whatever_stands_in_a_case_ends_in_a_sentence(tmp_path_factory, key, value):
    folder = tmp_path_factory.mktemp("junk")
    path = folder / "cases.json"
    path.write_text(json.dumps({"format": FORMAT, "cases": [{**scene(), key: value}]}))
    done = score_file(path, folder / "out.json", "epdms_v2.2", corrected=False)
    assert done.cases == 1

"""Kept results: named by what made them, there whole or not at all, made once."""

import errno
import json
import os
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avvla.cluster import store as module
from avvla.cluster.store import ABANDONED_DAYS, KEEP_DAYS, Step, Store
from avvla.config import Action, Label
from avvla.errors import UserError

DAY_S = 86400.0


def write(chunk, path, *, text, log):
    log.append(chunk)
    path.write_text(f"{text} {chunk}")


def write_folder(chunk, path, *, text, log):
    log.append(chunk)
    path.mkdir()
    (path / "a").write_text(text)
    (path / "b").mkdir()
    (path / "b" / "c").write_text(str(chunk))


@pytest.fixture(autouse=True)
def code(monkeypatch):
    """The code of the steps: theirs is not avvla's. Change `value` for other code."""
    code = SimpleNamespace(value="code")
    monkeypatch.setattr(module, "identity", lambda _: code.value)
    return code


@pytest.fixture
def store(tmp_path):
    return Store.of_stage(tmp_path, "stage")


@pytest.fixture
def log():
    return []


@pytest.fixture
def step(log):
    return Step(write, {"text": "made"}, {"log": log}, ".txt")


def last_run(store):
    return json.loads(store.record.read_text())


@pytest.mark.parametrize("function", [write, write_folder])
def test_what_is_there_is_not_made_again(store, step, log, function):
    step = replace(step, function=function, suffix="")
    first = store.results(step, {0: "x", 1: "y"}, 1, "make")
    assert list(first) == [0, 1]
    assert log == [0, 1]
    assert store.results(step, {0: "x", 1: "y"}, 1, "make") == first
    assert log == [0, 1]
    assert last_run(store)["reused"] == 2
    assert {path.name for path in store.folder.iterdir()} == {
        "last_run.json",
        *(path.name for path in first.values()),
    }


def test_an_added_chunk_is_made_alone(store, step, log):
    store.results(step, {0: "x", 1: "y"}, 1, "make")
    found = store.results(step, {0: "x", 1: "y", 2: "z"}, 1, "make")
    assert log == [0, 1, 2]
    run = last_run(store)
    assert (run["computed"], run["reused"]) == (1, 2)
    assert run["bytes"] == sum(path.stat().st_size for path in found.values())
    assert run["cpu_s"] >= 0.0


def test_a_name_has_all_that_shapes_the_result(store, step, code):
    names = {
        store.path(changed, chunk, inputs)
        for changed, chunk, inputs in [
            (step, 0, ["a"]),
            (step, 1, ["a"]),
            (step, 0, ["b"]),
            (replace(step, settings={"text": "other"}), 0, ["a"]),
            (replace(step, settings={"text": Label()}), 0, ["a"]),
            (replace(step, settings={"text": Label(command="Stop")}), 0, ["a"]),
            (replace(step, settings={"text": Action()}), 0, ["a"]),
            (replace(step, function=write_folder), 0, ["a"]),
        ]
    }
    assert len(names) == 8
    code.value = "other code"
    assert store.path(step, 0, ["a"]) not in names
    code.value = "code"
    assert store.path(replace(step, where={}), 0, ["a"]) in names


FACTS = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=30)
@given(st.integers(0, 99999), FACTS)
def test_a_name_is_the_same_for_the_same_inputs(chunk, inputs):
    store, step = Store.of_stage(module.Path("work"), "stage"), Step(write, {}, {}, ".txt")
    path = store.path(step, chunk, inputs)
    assert path == store.path(step, chunk, json.loads(json.dumps(inputs)))
    assert path.name.startswith(f"chunk_{chunk:04d}_")
    assert path != store.path(step, chunk, [inputs])


def test_a_bad_chunk_is_named_and_the_others_are_kept(store, step, log):
    def picky(chunk, path, **settings):
        path.write_text("half")
        if chunk == 1:
            raise UserError("it is odd")
        write(chunk, path, **settings)

    with pytest.raises(UserError, match=r"^make chunk 0001: it is odd$"):
        store.results(replace(step, function=picky), {0: "x", 1: "y", 2: "z"}, 1, "make")
    kept = sorted(path.name[:10] for path in store.folder.iterdir())
    assert kept == ["chunk_0000", "chunk_0002"]


def test_an_interruption_leaves_nothing_under_a_final_name(store, step):
    def interrupted(chunk, path, **_):
        path.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.results(replace(step, function=interrupted), {0: "x"}, 1, "make")
    assert list(store.folder.iterdir()) == []


def test_code_that_changed_meanwhile_is_told(store, step, code):
    def edited(chunk, path, **settings):
        code.value = "edited"
        write(chunk, path, **settings)

    with pytest.raises(UserError, match=r"^make chunk 0001: .* has other code or libraries"):
        store.results(replace(step, function=edited), {0: "x", 1: "y"}, 1, "make")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_is_told_once(store, step, number):
    def full(*_, **__):
        raise OSError(number, os.strerror(number))

    told = rf"^make chunk 0000, 0001: .*{os.strerror(number)}.*AVVLA_WORK"
    with pytest.raises(UserError, match=told):
        store.results(replace(step, function=full), {0: "x", 1: "y"}, 1, "make")


def test_a_folder_that_cannot_be_made_is_told(tmp_path, step):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"Not a directory.*AVVLA_WORK"):
        Store.of_stage(tmp_path / "file", "stage").results(step, {0: "x"}, 1, "make")


def test_a_second_maker_of_the_same_folder_is_no_problem(store, step):
    step = replace(step, function=write_folder, suffix="")
    path = store.path(step, 0, "x")

    def overtaken(chunk, temporary, **settings):
        write_folder(chunk, temporary, **settings)
        write_folder(chunk, path, **settings)

    found = store.results(replace(step, function=overtaken), {}, 1, "make")
    assert found == {}
    module._make(store, replace(step, function=overtaken), "code", {0: path}, 0)
    assert [entry.name for entry in store.folder.glob("*chunk*")] == [path.name]


def test_a_work_folder_that_nodes_do_not_share_is_told(store, step, monkeypatch):
    monkeypatch.setattr(module, "map_chunks", lambda *_: [0.0])
    with pytest.raises(UserError, match=r"not here: set AVVLA_WORK to a folder that every node"):
        store.results(step, {0: "x"}, 1, "make")


def _age(path, days):
    then = time.time() - days * DAY_S
    os.utime(path, (then, then))


def test_results_that_no_run_uses_are_removed_with_time(store, step):
    old, used = (store.results(step, {chunk: "x"}, 1, "make")[chunk] for chunk in (0, 1))
    folder = replace(step, function=write_folder, suffix="")
    big = store.results(folder, {2: "x"}, 1, "make")[2]
    left, busy = store.folder / ".chunk_0003_a.tmp", store.folder / ".chunk_0004_a.tmp"
    for temporary, days in ((left, 1.1 * ABANDONED_DAYS), (busy, 0.9 * ABANDONED_DAYS)):
        temporary.mkdir()
        _age(temporary, days)
    for path in (old, used, big):
        _age(path, 1.1 * KEEP_DAYS)
    store.results(step, {1: "x"}, 1, "make")
    assert {path.name for path in store.folder.iterdir()} == {used.name, busy.name, "last_run.json"}


def test_a_run_that_fails_removes_nothing(store, step):
    old = store.results(step, {0: "x"}, 1, "make")[0]
    _age(old, 2 * KEEP_DAYS)

    def refuse(*_, **__):
        raise UserError("no")

    with pytest.raises(UserError):
        store.results(replace(step, function=refuse), {1: "x"}, 1, "make")
    assert old.exists()
    assert not store.record.exists()  # it would tell of an earlier run

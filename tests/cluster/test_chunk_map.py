"""The chunk map on both backends: order, errors told once all is done, workers that die."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest
from chunk_steps import (
    die_at_1,
    die_once_at_1,
    fail,
    halve,
    lose_the_network_once,
    refuse_by_name,
    refuse_odd,
    where,
)
from hypothesis import given
from hypothesis import strategies as st

from avvla.cluster import local
from avvla.cluster.chunk_map import map_chunks
from avvla.errors import UserError


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_chunks(workers, backend):
    assert map_chunks(halve, [7, 3, 5, 1], workers, "halve") == [3.5, 1.5, 2.5, 0.5]


@given(st.lists(st.integers(0, 9999), unique=True))
def test_any_chunks_in_any_order(chunks):
    assert map_chunks(halve, chunks, 1, "halve") == [chunk / 2 for chunk in chunks]


def test_no_chunks_give_no_results_and_start_nothing(monkeypatch):
    monkeypatch.setenv("AVVLA_BACKEND", "ray")
    monkeypatch.setenv("RAY_ADDRESS", "nobody")
    assert map_chunks(fail, [], 2, "fail") == []


def test_one_chunk_runs_in_this_process():
    assert map_chunks(lambda chunk: os.getpid(), [4], 8, "ask") == [os.getpid()]


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setenv("AVVLA_BACKEND", "slurm")
    with pytest.raises(UserError, match="AVVLA_BACKEND is 'slurm', expected local or ray"):
        map_chunks(halve, [1], 1, "halve")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_refused_chunk_is_named_after_the_others_are_done(tmp_path, workers, backend):
    with pytest.raises(UserError) as caught:
        map_chunks(partial(refuse_odd, tmp_path), range(6), workers, "try")
    assert str(caught.value) == "try chunk 0001, 0003, 0005: it is odd"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "2", "4"]


def test_many_problems_are_cut_short():
    with pytest.raises(UserError) as caught:
        map_chunks(refuse_by_name, range(9), 1, "try")
    assert str(caught.value) == (
        "try chunk 0000: problem 0; chunk 0001: problem 1; chunk 0002: problem 2; and 6 more"
    )


def test_many_chunks_of_one_problem_are_cut_short(tmp_path):
    with pytest.raises(UserError, match=r"^try chunk 0001, 0003, 0005 and 2 more: it is odd$"):
        map_chunks(partial(refuse_odd, tmp_path), range(11), 1, "try")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_defect_keeps_its_type(workers, backend):
    with pytest.raises(ZeroDivisionError):
        map_chunks(fail, range(3), workers, "fail")


def test_a_passing_fault_is_tried_again_on_a_worker(tmp_path, backend):
    assert map_chunks(partial(lose_the_network_once, tmp_path), range(2), 2, "try") == [0, 1]


def test_a_chunk_whose_worker_dies_is_tried_again(tmp_path, backend):
    assert map_chunks(partial(die_once_at_1, tmp_path), range(4), 2, "try") == [0, 1, 2, 3]
    assert (tmp_path / "died").exists()


def test_a_chunk_that_kills_its_workers_is_named(backend, monkeypatch, capfd):
    monkeypatch.setattr(local, "pause", lambda _: 0.0)
    with pytest.raises(UserError, match=r"^try chunk 0001: a (Ray )?worker .*was killed, 3 times"):
        map_chunks(die_at_1, range(4), 2, "try")
    output = capfd.readouterr()
    assert "raylet" not in output.out + output.err


def test_workers_are_where_the_stage_is(tmp_path, backend, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = {folder for folder, _ in map_chunks(where, range(3), 2, "ask")}
    assert folders == {str(tmp_path)}


SCRIPT = """
import signal
import sys
from functools import partial
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
sys.path.insert(0, {folder!r})
from chunk_steps import sleep
from avvla.cluster.chunk_map import map_chunks
if __name__ == "__main__":
    map_chunks(partial(sleep, Path({workers!r})), range(4), 2, "sleep")
"""


@pytest.mark.parametrize("end", ["Ctrl-C", "kill -9"])
def test_workers_end_with_their_parent(tmp_path, end):
    script, workers = tmp_path / "script.py", tmp_path / "workers"
    workers.mkdir()
    script.write_text(SCRIPT.format(folder=str(Path(__file__).parent), workers=str(workers)))
    process = subprocess.Popen(
        [sys.executable, script], start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    _wait_until(lambda: len(list(workers.iterdir())) == 2)
    if end == "Ctrl-C":
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.kill()
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert errors.count("Traceback") == (end == "Ctrl-C")  # the script's own KeyboardInterrupt
    pids = [int(path.name) for path in workers.iterdir()]
    _wait_until(lambda: not any(_alive(pid) for pid in pids))
    assert len(pids) == 2  # no further chunk was begun


def _alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)

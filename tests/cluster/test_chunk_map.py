"""The chunk map: order, errors told once all is done, workers that die with their parent."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest
from chunk_steps import die, fail, halve, refuse_by_name, refuse_odd

from avvla.cluster.chunk_map import map_chunks
from avvla.errors import UserError


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_chunks(workers):
    assert map_chunks(halve, [7, 3, 5, 1], workers, "halve") == [3.5, 1.5, 2.5, 0.5]


def test_no_chunks_give_no_results():
    assert map_chunks(fail, [], 2, "fail") == []


def test_one_chunk_runs_in_this_process():
    assert map_chunks(lambda chunk: os.getpid(), [4], 8, "ask") == [os.getpid()]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_refused_chunk_is_named_after_the_others_are_done(tmp_path, workers):
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
def test_a_defect_keeps_its_type(workers):
    with pytest.raises(ZeroDivisionError):
        map_chunks(fail, range(3), workers, "fail")


def test_a_killed_worker_is_told():
    with pytest.raises(UserError, match=r"a worker process was killed.*AVVLA_WORKERS"):
        map_chunks(die, range(3), 2, "die")


SCRIPT = """
import sys
from functools import partial
from pathlib import Path
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
    _, errors = process.communicate(timeout=20)
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

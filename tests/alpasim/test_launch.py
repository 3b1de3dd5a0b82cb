"""Plans of commands, and a run from start to stop with a double of docker."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alpasim_factory import log, metrics_table, rollout, run_folder
from fake_driver import fake_driver

from avvla.alpasim import running
from avvla.alpasim.configuration import Wanted, changes, write
from avvla.alpasim.launch import plan
from avvla.alpasim.run_folder import RunFolder
from avvla.errors import UserError

FAKE_DOCKER = """\
#!{python}
# A double of docker: tells what it was asked for, and a runtime leaves a log and its steps.
import os, pathlib, signal, sys, time
sys.path[:0] = {path!r}
said = pathlib.Path({said!r})
words = sys.argv[1:]
with said.open("a") as file:
    file.write(" ".join(words[3:]) + "\\n")
if "up" in words and "runtime-0" in words:
    if {behave!r} == "fail":
        sys.exit(3)
    def stop(*_):
        with said.open("a") as file:
            file.write("interrupted\\n")
        sys.exit(130)
    signal.signal(signal.SIGINT, stop)
    from alpasim_factory import log, rollout
    run = pathlib.Path({run!r})
    path = rollout(run, log(2, wanted=200), old={old!r})
    if {behave!r} == "hang":
        with said.open("a") as file:
            file.write("hangs\\n")
        time.sleep(60)
    path.write_bytes(log(200))
"""


@pytest.fixture(params=[True, False], ids=["old", "new"])
def old(request):
    return request.param


@pytest.fixture
def run(tmp_path, old):
    return run_folder(tmp_path / "run", old=old)


@pytest.fixture
def docker(tmp_path, run, old, monkeypatch):
    """Puts the double first on PATH; what it was told."""
    said = tmp_path / "said"

    def put(behave=""):
        program = tmp_path / "bin/docker"
        program.parent.mkdir(exist_ok=True)
        program.write_text(
            FAKE_DOCKER.format(
                python=sys.executable, path=[str(Path(__file__).parents[1])], said=str(said),
                run=str(run), old=old, behave=behave,
            )
        )  # fmt: skip
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        monkeypatch.setattr(running, "POLL_S", 0.02)
        return lambda: said.read_text().splitlines() if said.exists() else []

    return put


def point(run, address):
    write(changes(RunFolder(run), Wanted(driver=address, role="sim")))
    path = run / "generated-network-config.yaml"
    # The services of the double listen nowhere.
    path.write_text(re.sub(r"localhost:\d+", "service-0:6001", path.read_text()))
    return RunFolder(run)


def test_the_order_on_the_simulation_host(run, old):
    write(changes(RunFolder(run), Wanted(driver="192.168.0.2:6000", role="sim")))
    lines = plan(RunFolder(run), "sim").lines()
    text = "\n".join(lines)
    renderer = "sensorsim-0" if old else "renderer-0"
    assert lines[0].endswith(f"up --detach --no-deps controller-0 {renderer}")
    assert "driver-0" not in text
    answer = text.index("the driver at 192.168.0.2:6000 answers")
    assert answer < text.index("up --no-deps --exit-code-from runtime-0 runtime-0")
    assert ("eval-0" in text) == ("--profile eval" in text) == old
    assert ("--profile sim" in lines[0]) == old
    if old:
        assert [line.split("--profile ")[1] for line in lines[-3:-1]] == [
            "eval up --no-deps eval-0",
            "aggregation up --no-deps post_eval_aggregation-0",
        ]
    assert lines[-1].endswith(f"stop controller-0 {renderer} runtime-0")


def test_the_driver_host(run):
    stock = plan(RunFolder(run), "driver").lines()
    assert stock[0].endswith("up --no-deps driver-0")
    write(changes(RunFolder(run), Wanted(driver="192.168.0.2:6123")))
    ours = plan(RunFolder(run), "driver", ["--policy", "route_follower"]).lines()
    assert ours == ["avvla driver serve --policy route_follower --host 0.0.0.0 --port 6123"]


def test_a_folder_without_a_runtime(run):
    path = run / "docker-compose.yaml"
    path.write_text(path.read_text().replace("runtime-0", "other"))
    with pytest.raises(UserError, match=r"has the services .*, expected a runtime"):
        plan(RunFolder(run), "sim")
    path.write_text(path.read_text().replace("driver-0", "other-1"))
    with pytest.raises(UserError, match="has no stock driver: serve ours with --policy"):
        plan(RunFolder(run), "driver")


def test_a_run_from_start_to_stop(run, old, docker, capfd):
    said = docker()
    with fake_driver() as address:
        folder = point(run, address)
        running.carry_out(folder, plan(folder, "sim"), 5.0)
    verbs = [next(word for word in line.split() if word in ("up", "stop")) for line in said()]
    assert verbs == (["up"] * 4 if old else ["up"] * 2) + ["stop"]
    assert "--detach" in said()[0]
    assert "runtime-0" in said()[1]
    told = capfd.readouterr().out
    assert f"driver {address}: fake 1.2" in told
    assert "200 of 400 steps in 1 logs" in told


def test_nothing_begins_before_the_driver_answers(run, docker):
    said = docker()
    folder = point(run, "127.0.0.1:9")
    with pytest.raises(UserError, match=r"nothing answers at 127\.0\.0\.1:9"):
        running.carry_out(folder, plan(folder, "sim"), 0.1)
    assert not any("runtime-0" in line and "up" in line for line in said())
    assert "stop" in said()[-1]


def test_a_run_that_fails_is_told_and_stopped(run, docker):
    said = docker("fail")
    with fake_driver() as address:
        folder = point(run, address)
        with pytest.raises(UserError, match=r"docker compose .*runtime-0` ended with code 3"):
            running.carry_out(folder, plan(folder, "sim"), 5.0)
    assert "stop" in said()[-1]
    assert not any("eval" in line for line in said())


def test_ctrl_c_stops_all_containers(run, docker):
    said = docker("hang")
    with fake_driver() as address:
        point(run, address)
        # A job in the background is started with Ctrl-C ignored, and hands that on.
        command = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        command += " from avvla.cli import main; sys.exit(main())"
        with subprocess.Popen(
            [sys.executable, "-c", command, "alpasim", "up", str(run), "--role", "sim"],
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            until = time.monotonic() + 60
            while "hangs" not in said() and time.monotonic() < until:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            assert process.stderr
            told = process.stderr.read().decode()
            assert process.wait() == 130, told
    assert "Traceback" not in told
    assert said()[-2:] == ["interrupted", said()[-1]]
    assert "stop" in said()[-1]


def test_steps_that_are_wanted(run):
    assert running.steps_wanted(RunFolder(run)) == 400  # 200 steps, 2 rollouts


def test_an_evaluation_that_would_be_skipped_is_told(run, old, docker):
    docker()
    if not old:
        return
    (run / "eval").mkdir()
    metrics_table([("a", "b")]).to_parquet(run / "eval/metrics_unprocessed.parquet")
    folder = RunFolder(run)
    with pytest.raises(UserError, match=r"metrics_unprocessed.parquet is there already"):
        running.carry_out(folder, plan(folder, "sim"), 5.0)


def test_docker_is_missing(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = RunFolder(run)
    with pytest.raises(UserError, match="docker is not on PATH: install it, or see --print"):
        running.carry_out(folder, plan(folder, "sim"), 5.0)


def test_rollouts_from_before_do_not_count(run, old, docker, capfd):
    rollout(run, log(200), old=old, name="before")
    docker()
    with fake_driver() as address:
        folder = point(run, address)
        running.carry_out(folder, plan(folder, "sim"), 5.0)
    assert "200 of 400 steps in 1 logs" in capfd.readouterr().out

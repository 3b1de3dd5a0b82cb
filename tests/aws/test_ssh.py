"""Scripts and copies over a real ssh, to a server of the loopback."""

import subprocess
from dataclasses import replace
from types import SimpleNamespace

import pytest
import sshd

from avvla.aws import ssh
from avvla.aws.ssh import get, pause, put, run_script
from avvla.errors import UserError

pytestmark = pytest.mark.skipif(not sshd.THERE, reason=sshd.ABSENT)


@pytest.fixture(scope="module")
def remote(tmp_path_factory):
    with sshd.running(tmp_path_factory.mktemp("sshd")) as remote:
        yield remote


@pytest.fixture
def script(tmp_path):
    def write(text):
        path = tmp_path / "install me.sh"
        path.write_text(text)
        return path

    return write


def test_a_scripts_code_and_output_come_back(remote, script, tmp_path, capsys):
    log = tmp_path / "logs" / "install.log"
    code = run_script(
        remote, script('echo "$0|$1|$2"\necho bad >&2\nexit 7\n'), ["a b", "$HOME"], log
    )
    assert code == 7
    assert log.read_text() == "install me.sh|a b|$HOME\nbad\n"
    assert capsys.readouterr().out == log.read_text()


def test_a_log_begins_anew_or_goes_on(remote, script, tmp_path):
    log = tmp_path / "log"
    path = script("echo one")
    assert run_script(remote, path, log=log) == 0
    assert run_script(remote, path, log=log) == 0
    assert log.read_text() == "one\n"
    assert run_script(remote, path, log=log, append=True) == 0
    assert log.read_text() == "one\none\n"


def test_a_program_that_reads_its_input_does_not_eat_the_script(remote, script, tmp_path):
    log = tmp_path / "log"
    assert run_script(remote, script("set -e\ncat\necho still here\nfalse\necho no"), log=log) == 1
    assert log.read_text() == "still here\n"


def test_a_script_runs_once_even_where_it_ends_as_a_lost_connection_does(remote, script, tmp_path):
    count = tmp_path / "count"
    assert run_script(remote, script(f"echo x >> {count}; exit 255")) == 255
    assert count.read_text() == "x\n"


def test_a_missing_script_and_a_log_that_cannot_be_written(remote, script, tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        run_script(remote, tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        run_script(remote, script("exit 0"), log=tmp_path / "file" / "log")


def test_put_and_get_leave_out_what_is_excluded(remote, tmp_path):
    here = tmp_path / "a folder"
    (here / ".git").mkdir(parents=True)
    (here / ".git" / "x").touch()
    (here / "it's $HOME.txt").write_text("1")
    there = tmp_path / "the re"
    put(remote, str(here), f"{there}/", [".git"])
    assert sorted(p.name for p in there.rglob("*")) == ["a folder", "it's $HOME.txt"]
    put(remote, f"{here}/", f"{there}/inside/", [".git"])
    assert [p.name for p in (there / "inside").iterdir()] == ["it's $HOME.txt"]
    back = tmp_path / "new" / "back"
    get(remote, f"{there}/a folder/", str(back), [])
    assert (back / "it's $HOME.txt").read_text() == "1"


def test_what_is_not_there_is_not_copied(remote, tmp_path):
    with pytest.raises(UserError, match="name a file or folder of this machine"):
        put(remote, str(tmp_path / "nowhere"), "/tmp/x", [])
    with pytest.raises(UserError, match=r"rsync ended with code 23: .*No such file") as told:
        get(remote, f"{tmp_path}/nowhere", str(tmp_path / "target"), [])
    assert "\n" not in str(told.value)
    assert not (tmp_path / "target").exists()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        get(remote, "x", str(tmp_path / "file" / "below"), [])


def test_a_colon_makes_no_machine_of_a_path(remote, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a:b").write_text("1")
    put(remote, "a:b", f"{tmp_path}/c", [])
    get(remote, f"{tmp_path}/c", "d:e", [])
    assert (tmp_path / "d:e").read_text() == "1"


def test_a_machine_that_does_not_answer_is_tried_again(remote, monkeypatch, tmp_path):
    waited = []
    monkeypatch.setattr(ssh, "time", SimpleNamespace(sleep=waited.append))
    away = replace(remote, port=1)
    with pytest.raises(UserError, match=r"cannot be reached by ssh \(.*refused.*6 times"):
        run_script(away, _empty(tmp_path))
    assert waited == [pause(number) for number in range(5)]
    waited.clear()
    with pytest.raises(UserError, match=r"rsync ended with code (12|255): .*refused"):
        put(away, str(_empty(tmp_path)), "/tmp/x", [])
    assert len(waited) == 5


def test_a_machine_that_comes_up_late_is_waited_for(tmp_path, monkeypatch):
    with sshd.running(tmp_path / "sshd") as remote:
        port = remote.port
    servers = []

    def wait(_):
        if not servers:
            servers.append(sshd.running(tmp_path / "sshd", port))
            servers[0].__enter__()

    monkeypatch.setattr(ssh, "time", SimpleNamespace(sleep=wait))
    try:
        assert run_script(remote, _empty(tmp_path)) == 0
    finally:
        servers[0].__exit__(None, None, None)


def test_another_key_of_the_same_machine_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(ssh, "TRIES", 1)
    with sshd.running(tmp_path / "sshd") as remote:
        assert run_script(remote, _empty(tmp_path)) == 0
    with sshd.running(tmp_path / "sshd", remote.port) as remote:
        with pytest.raises(UserError, match="Host key verification failed"):
            run_script(remote, _empty(tmp_path))
        # AWS gave the address to another machine.
        assert run_script(replace(remote, alias="i-1"), _empty(tmp_path)) == 0


def test_without_the_programs(remote, monkeypatch, tmp_path):
    monkeypatch.setattr(ssh.shutil, "which", lambda _: None)
    with pytest.raises(UserError, match="ssh is not on PATH: install it"):
        run_script(remote, _empty(tmp_path))
    with pytest.raises(UserError, match="ssh is not on PATH: install it"):
        put(remote, str(_empty(tmp_path)), "x", [])


def test_an_interrupted_script_leaves_no_process(remote, script, tmp_path, monkeypatch):
    started = []
    popen = subprocess.Popen

    def start(*arguments, **options):
        started.append(popen(*arguments, **options))
        return started[-1]

    class Output:
        def write(self, _):
            raise KeyboardInterrupt

    monkeypatch.setattr(ssh.subprocess, "Popen", start)
    monkeypatch.setattr(ssh, "sys", SimpleNamespace(stdout=Output()))
    log = tmp_path / "log"
    with pytest.raises(KeyboardInterrupt):
        run_script(remote, script("echo first; sleep 60"), log=log)
    assert started[-1].poll() is not None


def _empty(folder):
    path = folder / "empty.sh"
    path.touch()
    return path

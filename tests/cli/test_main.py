import argparse
import importlib.metadata
import json
import shlex
import subprocess
import sys

import pytest

from avvla import cli
from avvla.cli.completion import SHELLS
from avvla.cli.examples import EXAMPLES
from avvla.errors import UserError

VERBS = [name.split() for name in EXAMPLES]
GROUPS = sorted({tuple(words[:depth]) for words in VERBS for depth in range(len(words))})
COMMANDS = [*map(list, GROUPS), *VERBS]
HEAVY = {"torch", "cv2", "lerobot", "physical_ai_av", "pandas", "numpy", "rich", "pydantic", "grpc"}


def fails(call: object) -> None:
    raise AssertionError(call)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([*command, "--help"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith(" ".join(["usage: avvla", *command]))


@pytest.mark.parametrize("command", EXAMPLES)
def test_the_example_of_a_command_is_one(command: str) -> None:
    words = shlex.split(f"{command} {EXAMPLES[command].partition(' > ')[0]}")
    assert callable(cli.parser().parse_args(words).run)


def leaves(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    below = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not below:
        return [parser]
    return [leaf for action in below for child in action.choices.values() for leaf in leaves(child)]


def test_every_example_is_of_a_command() -> None:
    told = sorted(parser.prog for parser in leaves(cli.parser()))
    assert told == sorted(f"avvla {name}" for name in EXAMPLES)


def test_every_argument_is_told_in_words() -> None:
    silent = [
        f"{parser.prog} {action.dest}"
        for parser in leaves(cli.parser())
        for action in parser._actions
        if not (action.help or "")[:1].isalnum() and (action.help or "")[:1] != "$"
    ]
    assert silent == []


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"avvla {importlib.metadata.version('avvla')}\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_can_complete(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", shell]) == 0
    assert "import-hdf5" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["docter"],
        ["actions"],
        ["actions", "fits"],
        ["actions", "fit"],
        ["actions", "fit", "--input", "a", "--output", "b", "--integrator", "rk4"],
        ["doctor", "--verbose"],
        ["data", "verify", "extra"],
        ["data", "import-hdf5"],
        ["labels", "review"],
        ["labels", "review", "--output", "a.html", "--samples", "few"],
        ["labels", "agreement"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("usage: avvla")
    assert "error: " in captured.err.splitlines()[-1]


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys, json\n"
        "from avvla import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    modules = {name.split(".")[0] for name in json.loads(done.stderr)}
    assert "argparse" in modules
    assert not modules & HEAVY


def test_a_user_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: object) -> int:
        raise UserError("no such\nfile")

    monkeypatch.setattr("avvla.cli.doctor._doctor", run)
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr() == ("", "avvla: no such file\n")


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avvla.cli.doctor._doctor", fails)
    with pytest.raises(AssertionError):
        cli.main(["doctor"])


def test_a_library_that_is_left_out_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacks(_: object) -> int:
        raise ModuleNotFoundError("No module named 'torch'", name="torch._C")

    monkeypatch.setattr("avvla.cli.doctor._doctor", lacks)
    assert cli.main(["doctor"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("avvla: this needs the library torch._C, which is not installed here")


def test_a_module_of_ours_that_is_missing_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacks(_: object) -> int:
        raise ModuleNotFoundError("No module named 'avvla.x'", name="avvla.x")

    monkeypatch.setattr("avvla.cli.doctor._doctor", lacks)
    with pytest.raises(ModuleNotFoundError):
        cli.main(["doctor"])


def test_an_interrupt_exits_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("avvla.cli.doctor._doctor", run)
    assert cli.main(["doctor"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_reader_that_left_is_no_error() -> None:
    script = (
        "import sys\n"
        "from avvla import cli\n"
        "def run(_):\n"
        "    print('x' * 1_000_000)\n"
        "    return 0\n"
        "cli.doctor._doctor = run\n"
        "sys.exit(cli.main(['doctor']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


def test_what_the_machine_refuses_is_one_line(monkeypatch, capsys):
    def refused(listing):
        raise OSError(28, "No space left on device", "out.npz")

    monkeypatch.setattr("avvla.probe.probe", lambda: None)
    monkeypatch.setattr("avvla.doctor.report", refused)
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr().err == "avvla: [Errno 28] No space left on device: 'out.npz'\n"

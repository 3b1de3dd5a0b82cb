import pyarrow.parquet as pq
import pytest
import yaml

from avvla import cli
from avvla.agent import wall

SMALL = {"dataset": {"synthetic": {"camera_width": 64, "camera_height": 36}}}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(SMALL))


def run(*options):
    return cli.main(["agent", "run", "--policy", "constant_velocity", *options])


def test_a_virtual_drive_is_recorded_the_same_each_time(capsys, tmp_path):
    told = []
    for name in ("a", "b"):
        output = tmp_path / f"{name}.parquet"
        options = ("--clock", "virtual", "--latency-ms", "100", "--duration", "3")
        assert run(*options, "--output", str(output)) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]
    assert "ticks: 30" in told[0]
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert pq.read_table(tmp_path / "a.parquet").num_rows == 30


def test_a_drive_in_real_time_with_a_view(capsys):
    assert run("--duration", "0.5", "--live", "--commander", "fixed", "--command", "Stop") == 0
    out = capsys.readouterr().out
    assert "ticks: 5" in out
    assert "of 5 ticks late" in out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--family", "nowhere"], "--family is 'nowhere', expected lane_keeping or"),
        (["--duration", "0"], "--duration is 0, expected more than 0 s"),
        (["--duration", "0.01"], "--duration is 0.01, expected 0.1 s or more, a tick"),
        (["--road", "-1"], "--road is -1, expected 0 or more"),
        (
            ["--commander", "vlm", "--url", "ftp://x", "--model", "m"],
            "--url is 'ftp://x', expected",
        ),
        (["--output", "."], "expected the name of a file to write"),
        (["--duration", "inf"], "--duration is inf, expected more than 0 s"),
        (["--duration", "nan"], "--duration is nan, expected more than 0 s"),
        (["--command-every", "-1"], "--command-every is -1, expected more than 0 s"),
        (["--latency-ms", "50"], "--latency-ms is for --clock virtual"),
        (["--clock", "virtual", "--latency-ms", "-1"], "--latency-ms is -1, expected 0 ms or more"),
        (["--commander", "vlm"], "--commander vlm needs --url and --model"),
        (["--commander", "fixed", "--command", "Turn lef"], "did you mean 'Turn left'?"),
        (["--policy", "field_agent"], "config.json is missing"),
        (["--command", "Stop"], "--command is for --commander fixed, and --commander is given"),
        (["--model", "m"], "--model is for --commander vlm or local, and --commander is given"),
        (["--checkpoint", "m"], "--checkpoint is for --policy field_agent, and --policy is"),
        (["--world", "carla", "--family", "lead"], "--family is for --world embedded"),
        (["--commander", "local", "--model", "nowhere"], "nowhere is no folder, expected one"),
        (
            ["--commander", "vlm", "--url", "http://[::1", "--model", "m"],
            "--url is 'http://[::1', expected",
        ),
    ],
)
def test_wrong_input_ends_in_one_line(options, told, capsys):
    assert run(*options) == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_faults_are_named_with_their_counts(capsys):
    commander = ("--commander", "vlm", "--url", "http://127.0.0.1:9/v1", "--model", "m")
    assert run("--clock", "virtual", "--duration", "2", *commander) == 0
    told = capsys.readouterr().out.splitlines()
    assert "faults: 2" in told
    assert "fault in 2 ticks: Commander: no answer (ConnectError)" in told


def test_a_drive_that_is_interrupted_keeps_its_record(monkeypatch, capsys, tmp_path):
    driven = wall.run

    def interrupted(*arguments, **options):
        driven(*arguments[:-1], 3, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(wall, "run", interrupted)
    assert run("--output", str(tmp_path / "ticks.parquet")) == 130
    assert "interrupted" in capsys.readouterr().out
    assert pq.read_table(tmp_path / "ticks.parquet").num_rows == 3

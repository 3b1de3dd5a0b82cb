"""`avvla alpasim`: what a person types, sees and gets as exit code."""

import json
import os
import time

import pytest
from alpasim_factory import (
    OTHER_SCENE,
    ROLLOUT,
    SCENE,
    TABLES,
    WIDE,
    log,
    metrics_table,
    picture,
    rollout,
    run_folder,
)

from avvla import cli, host

AWAY = "192.168.0.2:6000"


@pytest.fixture(params=[True, False], ids=["old", "new"])
def old(request):
    return request.param


@pytest.fixture
def run(tmp_path, old):
    return run_folder(tmp_path / "run", old=old)


@pytest.fixture
def avvla(capsys):
    def call(*arguments, code=0):
        assert cli.main(["alpasim", *map(str, arguments)]) == code
        told = capsys.readouterr()
        if code == 1:
            assert told.err.startswith("avvla: ") or not told.err
            assert told.err.count("\n") <= 1
        return told

    return call


def test_configure_then_check(run, avvla):
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    told = avvla("configure", run, "--driver-host", AWAY, "--dry-run").out
    assert "+++ b/generated-network-config.yaml" in told
    assert AWAY in told
    assert "files would change" in told
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    told = avvla("configure", run, "--driver-host", AWAY, "--steps", 60).out
    assert ".~1~" in told
    assert "nothing to change" in avvla("configure", run, "--driver-host", AWAY).out
    assert avvla("check", run).out.endswith(": 0 errors, 0 warnings\n")
    avvla("configure", run, "--cameras", WIDE, "--resolution", "1280x720", "--scene", OTHER_SCENE)
    assert avvla("check", run, "--role", "sim").out.endswith(": 0 errors, 0 warnings\n")


def test_check_ends_with_1_where_there_are_errors(run, tmp_path, avvla, old):
    path = run / "driver-config.yaml"
    path.write_text(path.read_text().replace(WIDE, "camera_rear"))
    told = avvla("check", run, code=1).out
    assert "error: driver-config.yaml: inference.use_cameras: got no " + WIDE in told
    assert "1 errors" in told or "2 errors" in told
    other = run_folder(tmp_path / "other", old=old)
    told = avvla("check", run, "--role", "sim", "--other", other, code=1).out
    assert f"as in {other}" in told


def test_check_with_a_probe(run, avvla):
    avvla("configure", run, "--driver-host", "127.0.0.1:9", "--role", "sim")
    told = avvla("check", run, "--role", "sim", "--probe", code=1).out
    assert "error: generated-network-config.yaml: driver: got 127.0.0.1:9" in told
    assert "GPU memory: " in told


def test_up_prints_the_commands(run, avvla):
    told = avvla("up", run, "--role", "sim", "--print").out
    assert "docker compose --file" in told
    told = avvla(
        "up", run, "--role", "driver", "--policy", "smolvla", "--checkpoint", "m", "--print"
    )
    assert told.out.startswith("avvla driver serve --policy smolvla --checkpoint m --host 0.0.0.0")
    for policy, given, expected in (
        (("--policy", "smolvla"), (), "smolvla needs --checkpoint"),
        (("--policy", "replay"), ("--checkpoint", "m"), "--checkpoint is for --policy smolvla"),
        (
            (),
            ("--checkpoint", "m"),
            "--checkpoint is for --policy smolvla, and --policy is not given",
        ),
    ):
        options = ("--role", "driver", *policy, *given, "--print")
        assert expected in avvla("up", run, *options, code=1).err
    assert "--policy is for --role driver, and --role is sim" in (
        avvla("up", run, "--role", "sim", "--policy", "replay", code=1).err
    )


def test_up_refuses_a_run_with_errors(run, capsys):
    (run / "driver-config.yaml").write_text("inference: {use_cameras: [camera_rear]}\n")
    assert cli.main(["alpasim", "up", str(run), "--role", "sim"]) == 1
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("error: ")
    assert told[-1].startswith(f"avvla: {run} has ")


def test_logs(run, old, tmp_path, avvla):
    rollout(run, log(5, {"wide": picture(9)}), old=old)
    path = rollout(run, log(2, wanted=5)[:-3], old=old, complete=False, scene=OTHER_SCENE)
    told = avvla("logs", "list", run).out.splitlines()
    assert told[0].startswith("complete ")
    assert told[1].startswith("incomplete ")
    assert told[2].startswith("2 rollouts, 1 complete, ")
    told = avvla("logs", "summary", run).out
    assert f"{SCENE}/{ROLLOUT}: complete, 5 of 5 steps, 0.5 s" in told
    assert "incomplete, 2 of 5 steps" in told
    assert "cut at byte" in told
    rows = json.loads(avvla("logs", "summary", run, "--json").out)
    assert [row["steps"] for row in rows] == [5, 2]
    assert "may be live" in avvla("logs", "prune", run, "--delete", code=1).err
    then = time.time() - 7200
    for inside in [*path.parent.iterdir(), path.parent]:
        os.utime(inside, (then, then))
    size = path.stat().st_size
    assert f"1 incomplete rollouts, {size} bytes: --delete" in avvla("logs", "prune", run).out
    assert path.exists()
    assert f"{size} bytes freed" in avvla("logs", "prune", run, "--delete").out
    assert not path.exists()
    (kept,) = run.rglob("*.asl")
    told = avvla("logs", "export", kept, "--output", tmp_path / "out", "--video").out
    assert "poses.parquet: 12 rows" in told
    assert "wide: 6 frames" in told


def test_summary_has_the_metrics(run, old, avvla):
    path = rollout(run, log(2), old=old)
    table = metrics_table([(SCENE, ROLLOUT)])
    target = run / "eval/metrics_unprocessed.parquet" if old else path.with_name("metrics.parquet")
    target.parent.mkdir(exist_ok=True)
    table.to_parquet(target)
    assert "progress 0.9" in avvla("logs", "summary", run).out
    target.write_bytes(target.read_bytes()[:-9])
    if old:
        assert "cannot be read" in avvla("logs", "summary", run, code=1).err
    else:
        told = avvla("logs", "summary", run).out
        assert "2 of 2 steps" in told
        assert "metrics.parquet cannot be read" in told


def test_collect(run, tmp_path, avvla):
    assert "has no result" in avvla("collect", run, code=1).err
    (run / "eval").mkdir()
    metrics_table([(SCENE, ROLLOUT)], offroad={(0, 4): 1.0}).to_parquet(
        run / "eval/metrics_unprocessed.parquet"
    )
    output = tmp_path / "results/metrics.json"
    told = avvla("collect", run, "--output", output, "--suite", "public_2604").out
    assert "avg_dist_between_incidents_at_fault 0.04, 1 scenes of public_2604" in told
    first = output.read_bytes()
    avvla("collect", run, "--output", output, "--suite", "public_2604")
    assert output.read_bytes() == first
    assert json.loads(first)["violations"][0]["metrics"] == {"offroad": 1.0}
    page = tmp_path / "results/report.html"
    assert avvla("report", "--metrics", output, "--output", page).out == f"{page}\n"
    assert "public_2604: 1 scenes" in page.read_text()


def test_a_report_without_metrics(tmp_path, avvla):
    missing, page = tmp_path / "metrics.json", tmp_path / "report.html"
    told = avvla("report", "--metrics", missing, "--output", page, code=1).err
    assert "metrics.json is missing: write it again with `avvla alpasim collect RUN`" in told
    assert not page.exists()


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "sim_scenes.csv"
    path.write_text(
        "uuid,scene_id,nre_version_string,path,last_modified,artifact_repository,hf_revision\n"
        "u-a,clipgt-a,26,set/a/a.usdz,2026,huggingface,26.04\n"
        "u-b,clipgt-b,26,set/b/b.usdz,2026,huggingface,26.04\n"
    )
    return path


def test_scenes_search(table, monkeypatch, tmp_path, avvla):
    monkeypatch.setenv("AVVLA_ALPASIM", str(tmp_path / "labels"))
    search = ("scenes", "search", "--scenes", table)
    assert avvla(*search).out == "clipgt-a u-a 26.04\nclipgt-b u-b 26.04\n2 scenes, 2 shown\n"
    assert avvla(*search, "--max", 1).out.endswith("2 scenes, 1 shown\n")
    for wrong, expected in (
        (("--revision", "26.4"), "no scene is in the release '26.4', expected one of 26.04"),
        (("--suite", "public"), "--suite ID and --suites CSV go together"),
        (("--suites", table), "--suite ID and --suites CSV go together"),
    ):
        assert expected in avvla(*search, *wrong, code=1).err
    labels = ("scenes", "labels", "--scenes", table, "--revision", "25")
    assert "no scene is in the release '25', expected one of 26.04" in avvla(*labels, code=1).err
    assert "no labels are in" in avvla("scenes", "search", "a=b", "--scenes", table, code=1).err
    from avvla.alpasim.artifacts import snapshot

    for name, weather in (("a", "rain"), ("b", ["clear"])):
        path = snapshot(host.alpasim_root(), "26.04") / "set" / name / "labels.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"weather": weather}))
    told = avvla("scenes", "search", "weather=rain", "--scenes", table).out
    assert told == "clipgt-a u-a 26.04 weather=rain\n1 scenes, 1 shown\n"
    told = avvla(*search, "--labels-only").out
    assert told == "weather: clear 1, rain 1\n2 scenes, 2 shown\n"
    told = avvla("scenes", "search", "weather=rian", "--scenes", table, code=1).err
    assert "did you mean 'rain'?" in told


def test_scenes_register(run, avvla):
    from avvla.alpasim.run_folder import RunFolder

    avvla("scenes", "register", run, OTHER_SCENE, "--dry-run")
    assert RunFolder(run).users[0].scene_ids == (SCENE,)
    avvla("scenes", "register", run, OTHER_SCENE)
    assert RunFolder(run).users[0].scene_ids == (SCENE, OTHER_SCENE)
    assert "nothing to change" in avvla("scenes", "register", run, OTHER_SCENE).out


def test_scenes_link(run, table, tmp_path, avvla):
    from alpasim_factory import SET

    artifacts = tmp_path / "artifacts"
    (artifacts / "all-usdzs").mkdir(parents=True)
    (artifacts / "all-usdzs/u-a.usdz").write_bytes(b"scene")
    link = ("scenes", "link", run, "a", "--scenes", table, "--artifacts", artifacts)
    told = avvla(*link).out
    assert told == f"{artifacts}/scenesets/{SET}/u-a.usdz\n"
    assert (artifacts / f"scenesets/{SET}/u-a.usdz").read_bytes() == b"scene"


@pytest.mark.skipif(not TABLES.is_dir(), reason="Alpasim's scene tables are not here")
def test_a_real_suite(avvla):
    told = avvla(
        "scenes", "search", "--scenes", TABLES / "sim_scenes.csv", "--suites",
        TABLES / "sim_suites.csv", "--suite", "public_2604", "--max", 2,
    ).out  # fmt: skip
    assert told.endswith("1606 scenes, 2 shown\n")
    assert told.count(" 26.04\n") == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["configure"],
        ["configure", "r", "--resolution", "1920"],
        ["configure", "r", "--role", "both"],
        ["up", "r"],
        ["logs", "export", "l"],
        ["scenes", "search"],
    ],
)
def test_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["alpasim", *arguments])
    assert stop.value.code == 2
    capsys.readouterr()


@pytest.mark.parametrize(
    "arguments",
    [
        ["configure", "none", "--driver-host", AWAY],
        ["check", "none"],
        ["up", "none", "--role", "sim", "--print"],
        ["collect", "none"],
        ["logs", "list", "none"],
        ["logs", "summary", "none"],
        ["logs", "prune", "none"],
        ["logs", "export", "none", "--output", "out"],
        ["scenes", "search", "--scenes", "none"],
        ["scenes", "register", "none", "s"],
    ],
)
def test_what_is_missing_is_one_line(tmp_path, monkeypatch, arguments, avvla):
    monkeypatch.chdir(tmp_path)
    assert avvla(*arguments, code=1).err.startswith("avvla: none")
    assert list(tmp_path.iterdir()) == []

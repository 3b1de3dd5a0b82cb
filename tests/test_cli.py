import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from factory import CAMERA, data_set, recordings
from hdf5_factory import episodes, truncate
from loopback_hub import LoopbackHub, reached

from avvla import cli, host
from avvla.config import Label, Params
from avvla.errors import UserError
from avvla.labels.table import label_rows
from avvla.logs.windows import Windows
from avvla.logs.windows import windows as dataset_windows
from avvla.physical_ai import layout, manifest
from avvla.physical_ai.reader import Clips
from avvla.sources import fetch

DATA = [["data", verb] for verb in ("fetch", "verify", "synthesize", "import-hdf5")]
LABELS = [["labels", verb] for verb in ("export", "review", "agreement")]
COMMANDS = [["doctor"], ["actions"], ["actions", "fit"], ["data"], *DATA, ["labels"], *LABELS]
HEAVY = {"torch", "cv2", "lerobot", "physical_ai_av", "pandas", "numpy", "rich", "pydantic"}


def fails(call: object) -> None:
    raise AssertionError(call)


@pytest.mark.parametrize("command", [[], *COMMANDS])
def test_help_of_every_command(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([*command, "--help"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith(" ".join(["usage: avvla", *command]))


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

    monkeypatch.setattr(cli, "_doctor", run)
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr() == ("", "avvla: no such file\n")


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_doctor", fails)
    with pytest.raises(AssertionError):
        cli.main(["doctor"])


def test_an_interrupt_exits_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_doctor", run)
    assert cli.main(["doctor"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_reader_that_left_is_no_error() -> None:
    script = (
        "import sys\n"
        "from avvla import cli\n"
        "def run(_):\n"
        "    print('x' * 1_000_000)\n"
        "    return 0\n"
        "cli._doctor = run\n"
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


def windows(path: Path) -> Path:
    """Two windows: straight at 10 m/s, and one that jumps sideways by 50 m."""
    time = (np.arange(80) - 15) * 0.1
    xy = np.stack([10 * time, np.zeros(80)], -1)[None].repeat(2, 0)
    xy[1, 40:, 1] = 50.0
    np.savez(path, xy=xy, yaw=np.zeros((2, 80)), dt=0.1)
    return path


def test_actions_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "actions.npz"
    arguments = ["--input", str(windows(tmp_path / "in.npz")), "--output", str(output)]
    assert cli.main(["actions", "fit", *arguments, "--integrator", "trapezoid"]) == 0
    assert f"{output}: 1 of 2 windows fitted, mean ADE 0.00" in capsys.readouterr().out
    with np.load(output) as labels:
        assert labels["action"].shape == (2, 64, 2)
        assert labels["valid"].tolist() == [True, False]


def test_actions_fit_by_either_method(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, labels = str(windows(tmp_path / "in.npz")), {}
    for method in ("joint", "sequential"):
        output = tmp_path / f"{method}.npz"
        arguments = ["--input", source, "--output", str(output), "--method", method]
        assert cli.main(["actions", "fit", *arguments]) == 0
        labels[method] = output.read_bytes()
    default = ["--input", source, "--output", str(tmp_path / "default.npz")]
    assert cli.main(["actions", "fit", *default]) == 0
    assert (tmp_path / "default.npz").read_bytes() == labels["joint"] != labels["sequential"]
    with pytest.raises(SystemExit):
        cli.main(["actions", "fit", *default, "--method", "dense"])
    assert "invalid choice: 'dense'" in capsys.readouterr().err


def test_actions_fit_of_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--input", str(tmp_path / "no.npz"), "--output", str(tmp_path / "out.npz")]
    assert cli.main(["actions", "fit", *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(f"avvla: {tmp_path}/no.npz does not exist")
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


class TestDataVerify:
    @pytest.fixture(autouse=True)
    def snapshot(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A project with a manifest of one file, and that file in $AVVLA_DATA."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("AVVLA_DATA", str(tmp_path / "raw"))
        path = "features.csv"
        wanted = manifest.Manifest(
            source="synthetic",
            repo_id="avvla/synthetic",
            revision="0" * 40,
            camera="camera_front_wide_120fov",
            files=(),
        )
        root = manifest.root(wanted, tmp_path / "raw")
        root.mkdir(parents=True)
        (root / path).write_text("a,b\n")
        wanted = wanted.model_copy(update={"files": manifest.describe(root, [path])})
        manifest.save(wanted, cli.MANIFEST)
        return root

    def test_the_same_files(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["data", "verify"]) == 0
        assert capsys.readouterr().out.startswith("1 files, 0.000 GB: all as in data/manifest.json")

    def test_a_changed_file(self, snapshot: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (snapshot / "features.csv").write_text("a,c\n")
        assert cli.main(["data", "verify"]) == 1
        captured = capsys.readouterr()
        assert "features.csv" in captured.out
        assert captured.err.startswith("avvla: 1 of 1 files are not those of data/manifest.json")

    def test_no_manifest(self, capsys: pytest.CaptureFixture[str]) -> None:
        cli.MANIFEST.unlink()
        assert cli.main(["data", "verify"]) == 1
        assert capsys.readouterr().err.startswith("avvla: data/manifest.json is missing")

    def test_fetch_refuses_logs_that_the_manifest_does_not_list(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        synthetic = {"clips": 1, "video_s": 1.0, "camera_width": 32, "camera_height": 18}
        params = {"dataset": {"synthetic": synthetic}}
        Path("params.yaml").write_text(yaml.safe_dump(params))
        assert cli.main(["data", "fetch"]) == 1
        assert "make other logs than data/manifest.json lists" in capsys.readouterr().err

    def test_synthesize_records_what_the_parameters_ask_for(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        synthetic = {"clips": 2, "video_s": 1.0, "camera_width": 32, "camera_height": 18}
        dataset = {"source": "nvidia", "synthetic": {**synthetic, "clips_per_chunk": 1}}
        Path("params.yaml").write_text(yaml.safe_dump({"dataset": dataset}))
        before = cli.MANIFEST.read_bytes()
        assert cli.main(["data", "synthesize"]) == 0
        told, _, folder = capsys.readouterr().out.strip().partition(": ")
        assert told == "2 clips in 2 chunks"
        assert (Path(folder) / layout.CLIP_INDEX).is_file()
        assert cli.MANIFEST.read_bytes() == before

    def test_fetch_makes_what_the_manifest_lists(self, capsys: pytest.CaptureFixture[str]) -> None:
        synthetic = {"clips": 1, "video_s": 1.0, "camera_width": 32, "camera_height": 18}
        params = Params.model_validate({"dataset": {"synthetic": synthetic}})
        Path("params.yaml").write_text(yaml.safe_dump(params.model_dump()))
        manifest.save(fetch(params, host.data_root(), host.work_root(), 1), cli.MANIFEST)
        assert cli.main(["data", "fetch"]) == 0
        assert cli.main(["data", "verify"]) == 0
        assert "all as in data/manifest.json" in capsys.readouterr().out


class TestDataFromTheHub:
    @pytest.fixture(autouse=True)
    def hub(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> Iterator[LoopbackHub]:
        """A project with the manifest of a chunk on the hub, and no files yet."""
        monkeypatch.chdir(tmp_path)
        for name in ("data", "work"):
            monkeypatch.setenv(f"AVVLA_{name.upper()}", str(tmp_path / "host" / name))
        monkeypatch.setenv("AVVLA_WORKERS", "1")
        upstream = data_set(tmp_path / "upstream", recordings(2))
        repo_id = "nvidia/PhysicalAI-Autonomous-Vehicles"
        tree = manifest.root(upstream, tmp_path / "upstream")
        nvidia = {"revision": upstream.revision}
        params = {"dataset": {"source": "nvidia", "nvidia": nvidia}}
        Path("params.yaml").write_text(yaml.safe_dump(params))
        same = {"source": "nvidia", "repo_id": repo_id}
        manifest.save(upstream.model_copy(update=same), cli.MANIFEST)
        with (
            LoopbackHub.of_folder(tree, repo_id, upstream.revision) as hub,
            reached(hub, monkeypatch),
        ):
            yield hub

    def test_a_clone_without_the_files(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["data", "verify"]) == 1
        assert "files are not those of data/manifest.json" in capsys.readouterr().err
        assert cli.main(["data", "fetch"]) == 0
        assert re.fullmatch(r"\d+ files in .*\n", capsys.readouterr().out)
        assert cli.main(["data", "verify"]) == 0

    def test_a_changed_byte_is_found_and_fetched_again(
        self, hub: LoopbackHub, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert cli.main(["data", "fetch"]) == 0
        listing = manifest.load(cli.MANIFEST)
        path = layout.chunk_path(CAMERA, 0)
        blob = (manifest.root(listing, host.data_root()) / path).resolve()
        content = bytearray(blob.read_bytes())
        content[50] ^= 1
        blob.write_bytes(content)
        asked = len(hub.bodies())
        assert cli.main(["data", "verify"]) == 1
        assert f"{path} in " in capsys.readouterr().out
        assert cli.main(["data", "fetch"]) == 0
        assert "expected " + hub.oid(path) + ": removed" in capsys.readouterr().out
        assert [request.path for request in hub.bodies()[asked:]] == [f"/lfs/{hub.oid(path)}"]
        assert cli.main(["data", "verify"]) == 0

    def test_a_hub_that_refuses(self, hub: LoopbackHub, capsys: pytest.CaptureFixture[str]) -> None:
        hub.token = "hf_good"
        assert cli.main(["data", "fetch"]) == 1
        error = capsys.readouterr().err
        assert error.startswith("avvla: ")
        assert error.count("\n") == 1
        assert "is gated (or missing) and there is no token" in error


class TestLabels:
    @pytest.fixture(autouse=True)
    def project(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A project with a data set of two clips and their labels."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("AVVLA_DATA", str(tmp_path / "raw"))
        listing = data_set(tmp_path / "raw", recordings(2))
        manifest.save(listing, cli.MANIFEST)
        cli.LABELS.mkdir()
        clips = Clips(listing, tmp_path / "raw")
        pd.concat(
            label_rows(Label(source="kinematic"), part.clip_id, part.t0_us, *path_of(part))
            for part in dataset_windows(clips, 0, 2.0, 0.5)
        ).to_parquet(cli.LABELS / "chunk_0000.parquet")

    def test_a_sheet_and_the_agreement_of_its_verdicts(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert cli.main(["labels", "review", "--samples", "3", "--output", "sheet.html"]) == 0
        assert "sheet.html: 3 of " in capsys.readouterr().out
        sheet = Path("sheet.html").read_text()
        asked = re.findall(r'data-clip="(.*)" data-t0="(.*)" data-command="(.*)"', sheet)
        assert len(asked) == 3
        verdicts = [("clip_id", "t0_us", "command", "verdict"), *((*row, "yes") for row in asked)]
        Path("v.csv").write_text("".join(",".join(row) + "\n" for row in verdicts))
        assert cli.main(["labels", "agreement", "--verdicts", "v.csv"]) == 0
        assert capsys.readouterr().out.splitlines()[-1].endswith(" 1.00")

    @pytest.mark.parametrize("samples", ["0", "-3"])
    def test_no_samples(self, samples: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["labels", "review", "--samples", samples, "--output", "sheet.html"]) == 1
        assert capsys.readouterr().err == f"avvla: --samples is {samples}, expected 1 or more\n"
        assert not Path("sheet.html").exists()

    def test_no_labels(self, capsys: pytest.CaptureFixture[str]) -> None:
        shutil.rmtree(cli.LABELS)
        assert cli.main(["labels", "review", "--output", "sheet.html"]) == 1
        assert cli.main(["labels", "agreement", "--verdicts", "v.csv"]) == 1
        assert capsys.readouterr().err.count("data/labels has no labels: make the labels with") == 2

    def test_no_verdicts(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["labels", "agreement", "--verdicts", "v.csv"]) == 1
        assert capsys.readouterr().err.startswith("avvla: v.csv is missing: save the verdicts")


def path_of(part: Windows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return part.xy, part.yaw, part.speed


class TestImportHdf5:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A project and three episodes of 8 to 10 frames below `episodes`."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("AVVLA_DATA", str(tmp_path / "raw"))
        monkeypatch.setenv("AVVLA_WORK", str(tmp_path / "work"))
        monkeypatch.setenv("AVVLA_WORKERS", "1")
        Path("params.yaml").write_text("dataset: {source: hdf5}")
        episodes(tmp_path / "episodes", 3)
        return tmp_path / "episodes"

    def test_a_row_for_each_file_and_the_manifest(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["data", "import-hdf5", "episodes"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[1].split() == ["8", "0", "3", "x", "jpeg", "day_0/episode_20250101_000000.h5"]
        assert lines[2].split() == ["9", "0", "3", "x", "raw", "day_0/episode_20250101_000001.h5"]
        assert lines[4].startswith("3 files, 0.000 GB, linked in ")
        assert manifest.load(Path("data/manifest.json")).source == "hdf5"
        assert cli.main(["data", "verify"]) == 0
        assert cli.main(["data", "fetch"]) == 1
        assert "lists HDF5 episodes, which are in no hub" in capsys.readouterr().err

    def test_all_that_is_wrong_is_told_and_nothing_made(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        truncate(folder / "day_0/episode_20250101_000001.h5")
        assert cli.main(["data", "import-hdf5", "episodes"]) == 1
        told = capsys.readouterr()
        assert told.out.count("day_0/episode_20250101_000001.h5") == 2
        assert told.err.count("\n") == 1
        assert "avvla: 1 of 3 files cannot be used: day_0/episode_20250101_000001.h5" in told.err
        assert not Path("data").exists()
        assert not Path("raw").exists()

    def test_the_manifest_of_another_source_stays(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("params.yaml").write_text("{}")
        assert cli.main(["data", "import-hdf5", "episodes"]) == 0
        assert "data/manifest.json is as it was: dataset.source is synthetic" in (
            capsys.readouterr().out
        )
        assert not Path("data").exists()

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from factory import CAMERA, data_set, recordings
from hdf5_factory import episodes, truncate
from loopback_hub import LoopbackHub, reached

from avvla import cli, host
from avvla.cli.command import MANIFEST
from avvla.config import Params
from avvla.physical_ai import layout, manifest
from avvla.sources import fetch


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
        manifest.save(wanted, MANIFEST)
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
        MANIFEST.unlink()
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
        before = MANIFEST.read_bytes()
        assert cli.main(["data", "synthesize"]) == 0
        told, _, folder = capsys.readouterr().out.strip().partition(": ")
        assert told == "2 clips in 2 chunks"
        assert (Path(folder) / layout.CLIP_INDEX).is_file()
        assert MANIFEST.read_bytes() == before

    def test_fetch_makes_what_the_manifest_lists(self, capsys: pytest.CaptureFixture[str]) -> None:
        synthetic = {"clips": 1, "video_s": 1.0, "camera_width": 32, "camera_height": 18}
        params = Params.model_validate({"dataset": {"synthetic": synthetic}})
        Path("params.yaml").write_text(yaml.safe_dump(params.model_dump()))
        manifest.save(fetch(params, host.data_root(), host.work_root(), 1), MANIFEST)
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
        manifest.save(upstream.model_copy(update=same), MANIFEST)
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
        listing = manifest.load(MANIFEST)
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

"""The labeller with a stand-in for the model; nothing here has seen Alpamayo itself."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import labeler_runs
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from alpamayo_stand_in import R1, REVISION, TEXTS, V15, install
from factory import data_set, recordings
from hypothesis import given
from hypothesis import strategies as st

from avvla.labels.alpamayo import asked
from avvla.physical_ai import layout, manifest
from avvla.physical_ai.reader import Clips

program = labeler_runs.program()
CALLS = 5 * 4  # clips, t0 of each


class Setting:
    """A data set of three chunks, what is asked about it, and a model."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, capsys) -> None:
        self.folder, self.capsys, self.model = folder, capsys, install(patch)
        self.listing = data_set(folder / "raw", recordings(5))
        self.tree = manifest.root(self.listing, folder / "raw")
        self.windows = folder / "windows.parquet"
        clips = Clips(self.listing, folder / "raw")
        self.asked = asked(clips, self.listing.chunks, 2.0, 0.5)
        self.asked.to_parquet(self.windows, index=False)

    def run(self, output: str, *more: str) -> int:
        return program.main(self.arguments(output, *more))

    def arguments(self, output: str, *more: str) -> list[str]:
        return labeler_runs.arguments(self.tree, self.windows, self.folder / output, *more)

    def refuse(self, output: str = "out", *more: str) -> str:
        """The one line of a run that ends with code 1."""
        assert self.run(output, *more) == 1
        text = self.capsys.readouterr().err
        assert text.count("\n") == 1
        return text.removeprefix("label.py: ").rstrip()

    def tables(self, output: str) -> dict[str, bytes]:
        paths = sorted((self.folder / output).glob("chunk_*.parquet"))
        return {path.name: path.read_bytes() for path in paths}

    def rows(self, output: str) -> pd.DataFrame:
        paths = sorted((self.folder / output).glob("chunk_*.parquet"))
        return pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)

    def summary(self, output: str, shard: str = "0001_of_0001") -> dict:
        return json.loads((self.folder / output / f"summary_{shard}.json").read_text())


@pytest.fixture
def setting(tmp_path, monkeypatch, capsys):
    return Setting(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("model", [R1, V15])
def test_every_t0_gets_its_text(setting, model):
    assert setting.run("out", "--model", model) == 0
    assert setting.model.loaded == {
        "model_id": model,
        "revision": REVISION,
        "dtype": torch.bfloat16,
        "attn_implementation": "sdpa",
    }
    assert setting.model.calls == CALLS
    rows = setting.rows("out")
    assert rows[["clip_id", "t0_us"]].equals(setting.asked[["clip_id", "t0_us"]])
    assert set(rows["cot"]) <= set(TEXTS)
    assert rows.groupby("clip_id")["cot"].nunique().max() > 1  # a seed of its own for each t0
    assert set(rows["model"]) == {model}
    assert set(rows["model_revision"]) == {REVISION}
    trajectory = np.stack(rows["trajectory"]).reshape(-1, 64, 3)
    assert trajectory.dtype == np.float32
    speed = np.diff(trajectory[..., 0]) / 0.1
    assert ((speed > 5) & (speed < 15)).all()  # what the recordings drive
    written = pq.read_schema(setting.folder / "out/chunk_0000.parquet")
    assert written.equals(sys.modules["texts"].SCHEMA)


def test_a_run_tells_its_time_and_memory(setting):
    assert setting.run("out") == 0
    told = setting.summary("out")
    clips = sorted(setting.asked["clip_id"].unique())
    assert sorted(told["time_s"]) == clips
    assert min(told["time_s"].values()) > 0
    assert (told["kept"], told["failed"], told["peak_vram_gib"]) == (0, {}, None)
    last = setting.capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"{setting.folder}/out/summary_0001_of_0001.json: 5 clips labelled, 0 k")
    assert " s a clip" in last
    of_clip = pq.read_table(setting.folder / "out/clips" / f"{clips[0]}.parquet")
    assert sum(of_clip["time_s"].to_pylist()) == pytest.approx(told["time_s"][clips[0]], abs=1e-3)


@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=5),
    st.integers(1, 9),
)
def test_shards_part_the_clips(sizes, shards):
    windows = {
        chunk: {f"{chunk}-{clip}": (0, 1) for clip in range(size)}
        for chunk, size in enumerate(sizes)
    }
    parts = [program.share(windows, shard, shards) for shard in range(1, shards + 1)]
    clips = [clip for part in parts for clip in part]
    assert sorted(clips) == sorted(clip for of_chunk in windows.values() for clip in of_chunk)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_shards_write_what_one_run_writes(setting):
    assert setting.run("whole") == 0
    for shard in ("3/3", "1/3"):
        assert setting.run("parts", "--shard", shard) == 0
        assert "chunks open" in setting.capsys.readouterr().out
    assert len(setting.tables("parts")) < 3
    assert setting.run("parts", "--shard", "2/3") == 0
    assert setting.tables("parts") == setting.tables("whole")
    assert len(setting.tables("whole")) == 3
    assert len(list(setting.folder.glob("parts/summary_*.json"))) == 3


def test_a_killed_run_goes_on_with_the_same_bytes(setting):
    killed = [sys.executable, labeler_runs.__file__, setting.tree, setting.windows]
    path = os.pathsep.join([str(Path(labeler_runs.__file__).parent), *sys.path])
    process = subprocess.run(
        [*killed, setting.folder / "killed", "11"],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr
    finished = list(setting.folder.glob("killed/clips/*.parquet"))
    assert len(finished) == 2  # ten calls: two clips and a half
    assert setting.run("killed") == 0
    assert setting.model.calls == CALLS - 8
    assert setting.summary("killed")["kept"] == 2
    assert setting.run("whole") == 0
    assert setting.tables("killed") == setting.tables("whole")
    calls = setting.model.calls
    assert setting.run("killed") == 0  # nothing is left to do
    assert setting.model.calls == calls
    assert setting.tables("killed") == setting.tables("whole")


def test_an_interrupted_run_exits_with_130(setting):
    def interrupt() -> None:
        raise KeyboardInterrupt

    setting.model.fault_at, setting.model.fault = 6, interrupt
    assert setting.run("out") == 130
    assert len(list(setting.folder.glob("out/clips/*.parquet"))) == 1


def test_an_unreadable_clip_is_named_and_the_others_are_labelled(setting):
    drives = setting.tree / layout.chunk_path(layout.EGOMOTION, 1)
    content = drives.read_bytes()
    drives.write_bytes(content[:-200])
    lost = setting.asked[setting.asked["chunk"] == 1]["clip_id"].unique()
    assert setting.run("out") == 1
    told = setting.capsys.readouterr()
    named = [line.partition(" cannot be read at 2000000 us (")[0] for line in told.err.splitlines()]
    assert named == [f"label.py: clip {clip}:" for clip in lost]
    assert "3 clips labelled, 0 kept, 2 failed" in told.out
    assert "1 chunks open" in told.out  # one without any text is no table
    assert sorted(setting.summary("out")["failed"]) == list(lost)
    assert list(setting.tables("out")) == ["chunk_0000.parquet", "chunk_0002.parquet"]
    drives.write_bytes(content)
    assert setting.run("out") == 0
    assert setting.run("whole") == 0
    assert setting.tables("out") == setting.tables("whole")


def test_a_chunk_is_written_without_the_clip_that_cannot_be_read(setting):
    early = setting.asked.copy()
    early.loc[0, "t0_us"] = 1_600_000
    early.to_parquet(setting.windows, index=False)
    assert setting.run("out") == 1
    lost = early.loc[0, "clip_id"]
    assert (setting.folder / f"out/clips/{lost}.failed").read_text().startswith("cannot be read")
    assert set(setting.rows("out")["clip_id"]) == set(early["clip_id"]) - {lost}
    # Other windows: what is there of them stays, a clip with other t0 is made anew.
    setting.asked.to_parquet(setting.windows, index=False)
    assert setting.run("out") == 0
    assert setting.summary("out")["kept"] == 4
    assert setting.run("whole") == 0
    assert setting.tables("out") == setting.tables("whole")
    assert not list(setting.folder.glob("out/clips/*.failed"))


def test_a_clip_that_has_texts_for_other_t0_is_made_again(setting):
    setting.asked[1:].to_parquet(setting.windows, index=False)
    assert setting.run("out") == 0
    setting.asked.to_parquet(setting.windows, index=False)
    assert setting.run("out") == 0
    assert setting.summary("out")["kept"] == 4
    assert setting.run("whole") == 0
    assert setting.tables("out") == setting.tables("whole")


@pytest.mark.parametrize("damage", ["empty", "garbage", "cut", "a bit of a text"])
def test_a_damaged_clip_file_is_made_again(setting, damage):
    assert setting.run("out") == 0
    before = setting.tables("out")
    path = next(setting.folder.glob("out/clips/*.parquet"))
    content = bytearray(path.read_bytes())
    if damage == "a bit of a text":
        texts = pq.ParquetFile(path).metadata.row_group(0).column(3)
        content[texts.dictionary_page_offset + texts.total_compressed_size - 1] ^= 1
    path.write_bytes(
        {"empty": b"", "garbage": b"PAR1 no", "cut": content[:-7]}.get(damage, content)
    )
    assert setting.run("out") == 0
    assert setting.model.calls == CALLS + 4
    assert setting.tables("out") == before


def test_samples_are_rows(setting):
    assert setting.run("out", "--samples", "3") == 0
    rows = setting.rows("out")
    assert len(rows) == 3 * len(setting.asked)
    assert rows["sample"].tolist()[:4] == [0, 1, 2, 0]
    assert setting.model.calls == CALLS


def test_texts_of_other_settings_are_refused(setting):
    assert setting.run("out") == 0
    setting.capsys.readouterr()
    for more in (["--seed", "8"], ["--model", V15], ["--samples", "2"], ["--quantise", "8"]):
        assert "run.json tells other settings than this run" in setting.refuse("out", *more)


def test_a_quantised_model_is_not_moved(setting, monkeypatch):
    monkeypatch.delattr(setting.model.__base__, "to")
    assert setting.run("out", "--quantise", "8") == 0
    assert setting.model.loaded["quantization_config"].load_in_8bit


def test_too_little_memory_is_one_line(setting):
    def fail() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2 GiB")

    setting.model.fault_at, setting.model.fault = 6, fail
    assert setting.refuse().endswith("use --quantise 8 or fewer --samples")
    setting.model.fault_at = 0
    assert setting.run("out") == 0
    assert setting.summary("out")["kept"] == 1


def test_outputs_of_another_shape_are_refused(setting, monkeypatch):
    call = setting.model.sample_trajectories_from_data_with_vlm_rollout
    monkeypatch.setattr(
        setting.model,
        "sample_trajectories_from_data_with_vlm_rollout",
        lambda self, **given: call(self, **given | {"num_traj_samples": 2}),
    )
    assert "the model gave texts (1, 1, 2)" in setting.refuse()


def test_no_weights_and_no_code_are_one_line(setting, monkeypatch):
    setting.model.in_cache = False
    told = setting.refuse()
    assert told.startswith(f"{R1} at {REVISION} cannot be loaded (OSError: {R1} is not in the ca")
    assert told.endswith(f"`hf download {R1} --revision {REVISION}`")
    monkeypatch.setitem(sys.modules, "alpamayo_r1", None)
    monkeypatch.delitem(sys.modules, "alpamayo_r1.models.alpamayo_r1")
    assert setting.refuse().endswith("fill the environment with install.sh")


def test_no_gpu_is_one_line(setting, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "sees no CUDA device" in setting.refuse("out", "--device", "cuda")


def test_a_folder_that_is_no_snapshot_is_one_line(setting):
    setting.tree = setting.folder
    assert "expected the folder of a snapshot in a hub cache" in setting.refuse()


def test_damaged_metadata_is_one_line(setting):
    (setting.tree / layout.CLIP_INDEX).write_bytes(b"nothing")
    assert f"metadata in {setting.tree} cannot be read" in setting.refuse()


def test_windows_that_make_no_sense_are_one_line(setting):
    good = pd.read_parquet(setting.windows)
    for table, told in (
        (good.drop(columns="chunk"), "no column chunk of the expected type"),
        (good.astype({"t0_us": float}), "no column t0_us of the expected type"),
        (good.assign(clip_id="../up"), r"names a clip '\.\./up', expected a UUID"),
        (good.assign(clip_id=[None, *good["clip_id"][1:]]), "empty cells in clip_id"),
        (pd.concat([good, good[:1]]), "asks twice for clip"),
        (good[:0].astype({"clip_id": "string"}), "asks for nothing"),
    ):
        table.to_parquet(setting.windows, index=False)
        assert re.search(told, setting.refuse())
    setting.windows.write_bytes(b"PAR1")
    assert "cannot be read" in setting.refuse()
    setting.windows.unlink()
    assert setting.refuse().endswith("make it again with `avvla labels export`")
    assert setting.model.calls == 0


def test_an_output_that_cannot_be_written_is_one_line(setting):
    (setting.folder / "out").write_text("a file")
    assert "out" in setting.refuse()


@pytest.mark.parametrize(
    "more",
    [
        ["--shard", "0/2"],
        ["--shard", "3/2"],
        ["--shard", "1"],
        ["--revision", "main"],
        ["--samples", "0"],
        ["--quantise", "2"],
        ["--model", "nvidia/Alpamayo-2"],
    ],
)
def test_wrong_usage_exits_with_2(setting, more):
    with pytest.raises(SystemExit) as stop:
        setting.run("out", *more)
    assert stop.value.code == 2


def test_the_program_starts_without_the_heavy_libraries_and_without_avvla():
    script = (
        f"import sys; sys.path.append({str(labeler_runs.PROGRAM.parent)!r}); import label;"
        "print({name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    for name in ("torch", "transformers", "physical_ai_av", "avvla"):
        assert repr(name) not in done.stdout

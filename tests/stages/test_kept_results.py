"""What download, label and fit_actions compute anew, and what they find in the work folder."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest
from factory import contents

from avvla.config import Params
from avvla.errors import UserError

STAGES = Path(__file__).parents[2] / "stages"
SYNTHETIC = {
    "clips": 4,
    "clips_per_chunk": 2,
    "video_s": 3.5,
    "camera_width": 64,
    "camera_height": 36,
}
RUNS = {"download": "download", "label": "label_all", "fit_actions": "fit_all"}


class Project:
    """The stages in a folder, in this process."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self._patch = folder, patch
        folder.mkdir()

    def run(self, stage: str, clips: int = 4, **sections: object) -> tuple[int, int]:
        """The chunks that a stage computed and reused."""
        synthetic = {"synthetic": SYNTHETIC | {"clips": clips}}
        params = Params.model_validate({"dataset": synthetic, **sections})
        self._patch.chdir(self.folder)
        for name in ("data", "work"):
            self._patch.setenv(f"AVVLA_{name.upper()}", str(self.folder / "host" / name))
        getattr(importlib.import_module(stage), RUNS[stage])(params)
        run = json.loads((self.folder / f"host/work/{stage}/last_run.json").read_text())
        return run["computed"], run["reused"]

    def outputs(self) -> dict[str, bytes]:
        return contents(self.folder, "data", "results")


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(STAGES)
    monkeypatch.setenv("AVVLA_WORKERS", "1")
    return lambda name: Project(tmp_path / name, monkeypatch)


def test_an_added_chunk_is_computed_alone(make, capsys):
    grown, whole = make("grown"), make("whole")
    for stage in RUNS:
        assert grown.run(stage) == (2, 0)
    for stage in RUNS:
        assert grown.run(stage, clips=6) == (1, 2)
        told = f"{stage}: 1 chunks computed, 2 kept from earlier runs\n"
        assert capsys.readouterr().out.endswith(told)
        assert whole.run(stage, clips=6) == (3, 0)
    assert grown.outputs() == whole.outputs()


def test_two_processes_change_nothing(make, monkeypatch):
    projects = [make("one"), make("two")]
    for workers, project in enumerate(projects, 1):
        monkeypatch.setenv("AVVLA_WORKERS", str(workers))
        for stage in RUNS:
            project.run(stage)
    assert projects[0].outputs() == projects[1].outputs()


def test_a_parameter_concerns_the_stages_that_read_it(make):
    project = make("project")
    for stage in RUNS:
        project.run(stage)
    before = project.outputs()
    for stage in RUNS:
        assert project.run(stage, train={"steps": 7}, build={"image_size": 32}) == (0, 2)
    assert project.run("fit_actions", action={"max_error_m": 0.5}) == (2, 0)
    assert project.run("label", label={"source": "fixed"}) == (2, 0)
    for stage in RUNS:
        assert project.run(stage) == (0, 2)
    assert project.outputs() == before


def test_a_bad_chunk_is_named_and_the_others_are_kept(make):
    project = make("project")
    project.run("download")
    drives = next(project.folder.glob("host/data/*/chunks/chunk_0001_*/labels/egomotion/*.zip"))
    content = drives.read_bytes()
    drives.write_bytes(content[:-100])
    with pytest.raises(UserError, match=r"^label chunk 0001: labels/egomotion/egomotion.*bytes"):
        project.run("label")
    assert not (project.folder / "data/labels").exists()
    drives.write_bytes(content)
    assert project.run("label") == (1, 1)

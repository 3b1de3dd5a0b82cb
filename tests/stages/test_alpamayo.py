"""From a data set to labels by way of the labeller, with the stand-in for its model."""

import importlib
import json
from pathlib import Path

import labeler_runs
import pandas as pd
import pytest
import yaml
from alpamayo_stand_in import install
from factory import contents, data_set, recordings

from avvla import cli
from avvla.cli.command import MANIFEST
from avvla.config import Params
from avvla.errors import UserError
from avvla.files import hash_file
from avvla.physical_ai import manifest

STAGES = Path(__file__).parents[2] / "stages"
TEXTS = Path("host/texts")


class Project:
    """A data set of two chunks in this folder, and the stage that labels it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.listing = data_set(Path("host/data"), recordings(3))
        manifest.save(self.listing, MANIFEST)
        Path("params.yaml").write_text(yaml.safe_dump(Params().model_dump()))
        install(patch)

    def ask(self, *more: str) -> None:
        assert cli.main(["labels", "export", "--output", "windows.parquet"]) == 0
        tree = manifest.root(self.listing, Path("host/data"))
        line = labeler_runs.arguments(tree, Path("windows.parquet"), TEXTS, *more)
        assert labeler_runs.program().main(line) == 0

    def label(self, digest: str, **dataset: object) -> tuple[int, int]:
        """The chunks that the stage computed and kept."""
        label = {"source": "alpamayo", "texts": digest}
        params = Params.model_validate({"label": label, "dataset": dataset})
        importlib.import_module("label").label_all(params)
        run = json.loads(Path("host/work/label/last_run.json").read_text())
        return run["computed"], run["reused"]

    def digest(self) -> str:
        """The hash that the stage says it found."""
        with pytest.raises(UserError, match=r"^label\.texts is ''") as caught:
            self.label("")
        return str(caught.value).rpartition("=")[2]


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(STAGES)
    monkeypatch.setenv("AVVLA_WORKERS", "1")
    for name, folder in {"DATA": "data", "WORK": "work", "ALPAMAYO": "texts"}.items():
        monkeypatch.setenv(f"AVVLA_{name}", str(tmp_path / "host" / folder))
    return Project(monkeypatch)


def test_the_texts_of_the_labeller_become_labels(project, capsys):
    project.ask()
    assert capsys.readouterr().out.startswith("windows.parquet: 12 t0 of 3 clips in 2 chunks of ")
    digest = project.digest()
    assert project.label(digest) == (2, 0)
    tables = [pd.read_parquet(f"data/labels/chunk_{chunk:04d}.parquet") for chunk in (0, 1)]
    texts = [pd.read_parquet(TEXTS / f"chunk_{chunk:04d}.parquet") for chunk in (0, 1)]
    rows, said = pd.concat(tables, ignore_index=True), pd.concat(texts, ignore_index=True)
    for column, of_text in (("clip_id", "clip_id"), ("t0_us", "t0_us"), ("text", "cot")):
        assert rows[column].tolist() == said[of_text].tolist()
    known = {"Keep": "Follow the lane", "Turn": "Turn left", "Slow": "Slow down", "Stop": "Stop"}
    verbs = said["cot"].str.partition(" ")[0]
    assert rows["command"].tolist() == [known.get(verb, "Follow the lane") for verb in verbs]
    assert rows["confidence"].tolist() == [float(verb in known) for verb in verbs]
    assert set(rows["source"]) == {"alpamayo"}
    # What was driven is no stop, whatever the text says.
    assert not rows["consistent"][rows["command"] == "Stop"].any()
    for chunk, table in enumerate(tables):
        assert table.attrs == {"texts_sha256": hash_file(TEXTS / f"chunk_{chunk:04d}.parquet")}
    assert tables[0].attrs != tables[1].attrs
    metrics = json.loads(Path("results/label/metrics.json").read_text())
    assert metrics["n"] == 12
    assert metrics["inconsistent"] == int((~rows["consistent"]).sum())


def test_other_texts_of_one_chunk_are_read_and_the_other_is_kept(project):
    project.ask()
    first = project.digest()
    project.label(first)
    before = contents(Path(), "data/labels")
    path = TEXTS / "chunk_0001.parquet"
    table = pd.read_parquet(path)
    table.loc[1:, "cot"] = "Turn right because of the route."
    table[1:].to_parquet(path, index=False)
    with pytest.raises(UserError, match=f"label.texts is '{first}', but the tables in"):
        project.label(first)
    second = project.digest()
    assert project.label(second) == (1, 1)
    after = contents(Path(), "data/labels")
    assert [path for path in before if before[path] != after[path]] == [
        "data/labels/chunk_0001.parquet"
    ]
    metrics = json.loads(Path("results/label/metrics.json").read_text())
    assert metrics["commands"]["Turn right"] == 3
    assert metrics["no_command"]["not labelled"] == 1


def test_a_damaged_table_and_texts_about_other_t0_are_one_line(project):
    project.ask()
    digest = project.digest()
    with pytest.raises(
        UserError, match=r"^label chunk 0000, 0001: the texts are about other clips"
    ):
        project.label(digest, t0_start_s=2.1)
    path = TEXTS / "chunk_0000.parquet"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UserError, match=r"^label chunk 0000: .*chunk_0000\.parquet cannot be read"):
        project.label(project.digest())
    path.unlink()
    with pytest.raises(UserError, match="lacks 1 of 2 tables, chunk_0000"):
        project.label(digest)


def test_a_chunk_that_is_not_labelled_yet_is_an_error(project):
    project.ask("--shard", "1/3")
    with pytest.raises(UserError, match="lacks 2 of 2 tables, chunk_0000"):
        project.label("")


@pytest.mark.parametrize(
    ("source", "told"), [("l2d", "lists drives of L2D"), ("hdf5", "lists episodes of a robot arm")]
)
def test_export_refuses_what_alpamayo_cannot_read(project, capsys, source, told):
    manifest.save(project.listing.model_copy(update={"source": source}), MANIFEST)
    assert cli.main(["labels", "export", "--output", "windows.parquet"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert ": set " in line
    assert not Path("windows.parquet").exists()


def test_export_needs_a_manifest_and_a_t0_that_alpamayo_takes(project, capsys):
    params = Params.model_validate({"dataset": {"t0_start_s": 1.6}})
    Path("params.yaml").write_text(yaml.safe_dump(params.model_dump()))
    line = ["labels", "export", "--output", "windows.parquet"]
    assert cli.main(line) == 1
    MANIFEST.unlink()
    assert cli.main(line) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("avvla: dataset.t0_start_s is 1.6, expected more than 1.6 s")
    assert second.startswith("avvla: data/manifest.json is missing")
    assert not Path("windows.parquet").exists()


def test_the_stage_refuses_drives_of_l2d_before_it_looks_for_texts(project):
    l2d = project.listing.model_copy(update={"source": "l2d"})
    manifest.save(l2d, MANIFEST)
    with pytest.raises(UserError, match=r"lists drives of L2D, .*: set label.source to"):
        project.label("")

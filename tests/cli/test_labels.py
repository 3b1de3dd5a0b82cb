import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factory import data_set, recordings

from avvla import cli
from avvla.cli.command import LABELS, MANIFEST
from avvla.config import Label
from avvla.labels.table import label_rows
from avvla.logs.windows import Windows
from avvla.logs.windows import windows as dataset_windows
from avvla.physical_ai import manifest
from avvla.physical_ai.reader import Clips


class TestLabels:
    @pytest.fixture(autouse=True)
    def project(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A project with a data set of two clips and their labels."""
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("AVVLA_DATA", str(tmp_path / "raw"))
        listing = data_set(tmp_path / "raw", recordings(2))
        manifest.save(listing, MANIFEST)
        LABELS.mkdir()
        clips = Clips(listing, tmp_path / "raw")
        pd.concat(
            label_rows(Label(source="kinematic"), part.clip_id, part.t0_us, *path_of(part))
            for part in dataset_windows(clips, 0, 2.0, 0.5)
        ).to_parquet(LABELS / "chunk_0000.parquet")

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
        shutil.rmtree(LABELS)
        assert cli.main(["labels", "review", "--output", "sheet.html"]) == 1
        assert cli.main(["labels", "agreement", "--verdicts", "v.csv"]) == 1
        assert capsys.readouterr().err.count("data/labels has no labels: make the labels with") == 2

    def test_no_verdicts(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert cli.main(["labels", "agreement", "--verdicts", "v.csv"]) == 1
        assert capsys.readouterr().err.startswith("avvla: v.csv is missing: save the verdicts")


def path_of(part: Windows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return part.xy, part.yaw, part.speed

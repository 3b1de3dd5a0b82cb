from pathlib import Path

import numpy as np
import pytest

from avvla import cli


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
    told = capsys.readouterr().out
    assert told.startswith(f"{output}: 1 of 2 windows fitted, mean ADE 0.00")
    assert told.endswith("; left out: 1 teleport\n")
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

"""`avvla policy import-base` against a double of the hub, and from folders."""

import json
import re
import shutil

import pytest
import torch
from loopback_hub import LoopbackHub, reached
from loopback_server import Fault
from smolvla_factory import BACKBONE_REPO, smolvla

from avvla import cli
from avvla.config import PolicyParams
from avvla.policy.base import base_of
from avvla.policy.coverage import fill

REPO, COMMIT, BACKBONE_COMMIT = "lerobot/smolvla_base", "1" * 40, "2" * 40
TOLD = re.compile(r"policy\.warm_start=([0-9a-f]{64}) -S policy\.max_dim=32\n")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A checkpoint and its backbone as on the hub, with files that are not wanted, and a policy."""
    folder = tmp_path_factory.mktemp("published")
    policy = smolvla(folder / "checkpoint", folder / "backbone")
    (folder / "checkpoint" / "README.md").write_text("about it")
    (folder / "backbone" / "model.safetensors").write_bytes(bytes(1000))
    (folder / "backbone" / "onnx").mkdir()
    (folder / "backbone" / "onnx" / "config.json").write_text("{}")
    return folder, policy


@pytest.fixture
def hub(published, tmp_path, monkeypatch):
    folder, _ = published
    monkeypatch.setenv("AVVLA_BASE", str(tmp_path / "bases"))
    served = LoopbackHub.of_folder(folder / "checkpoint", REPO, COMMIT, "model")
    backbone = LoopbackHub.of_folder(folder / "backbone", BACKBONE_REPO, BACKBONE_COMMIT, "model")
    served.beside.append(backbone)
    with served, reached(served, monkeypatch):
        yield served


def bodies(hub):
    """Names of the files whose bytes were asked for."""
    names = {
        repository.oid(name): name for repository in (hub, *hub.beside) for name in repository.files
    }
    return [names[r.path.removeprefix("/lfs/")] for r in hub.bodies() if r.path.startswith("/lfs/")]


def imported(capsys):
    return TOLD.search(capsys.readouterr().out)[1]


def test_the_hub_s_base_becomes_what_a_policy_starts_from(hub, published, capsys):
    assert cli.main(["policy", "import-base"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{REPO} at {COMMIT}\nbackbone {BACKBONE_REPO} at {BACKBONE_COMMIT}\n")
    base = base_of(PolicyParams(warm_start=TOLD.search(out)[1]))
    _, policy = published
    wanted = {name: value.clone() for name, value in policy.state_dict().items()}
    with torch.no_grad():
        for weight in policy.parameters():
            weight.zero_()
    fill(policy, base.weights, ())
    assert all(torch.equal(value, wanted[name]) for name, value in policy.state_dict().items())
    asked = bodies(hub)
    assert asked[0] == "config.json"
    assert asked[-1] == "model.safetensors"
    assert "model.safetensors" not in asked[:-1]
    assert not [name for name in asked if "/" in name or name.endswith(".md")]


def test_a_pinned_commit_is_asked_for_by_name(hub, capsys):
    chosen = ["--revision", COMMIT, "--backbone-revision", BACKBONE_COMMIT]
    assert cli.main(["policy", "import-base", *chosen]) == 0
    assert not [request for request in hub.log if request.path.endswith("/revision/main")]
    digest = imported(capsys)
    assert cli.main(["policy", "import-base"]) == 0
    assert imported(capsys) == digest


def test_a_second_import_fetches_nothing(hub, capsys):
    assert cli.main(["policy", "import-base"]) == 0
    count, digest = len(hub.bodies()), imported(capsys)
    assert cli.main(["policy", "import-base"]) == 0
    assert len(hub.bodies()) == count
    assert imported(capsys) == digest


def test_a_connection_that_breaks_is_gone_on_with(hub, capsys):
    half = len(hub.files["model.safetensors"]) // 2
    hub.faults.append(Fault(hub.oid("model.safetensors"), cut_after=half))
    assert cli.main(["policy", "import-base"]) == 0
    starts = [r.start for r in hub.bodies() if r.path.endswith(hub.oid("model.safetensors"))]
    assert starts == [0, half]
    digest = imported(capsys)
    hub.faults.clear()
    assert cli.main(["policy", "import-base"]) == 0
    assert imported(capsys) == digest


def test_a_checkpoint_that_has_its_backbone_needs_no_other_repository(hub, capsys):
    assert cli.main(["policy", "import-base"]) == 0
    digest = imported(capsys)
    for name, content in hub.beside.pop().files.items():
        hub.files[f"backbone/{name}"] = content
    assert cli.main(["policy", "import-base", "--revision", COMMIT]) == 0
    assert imported(capsys) == digest


def test_a_folder_needs_no_hub(hub, published, tmp_path, monkeypatch, capsys):
    assert cli.main(["policy", "import-base"]) == 0
    digest, asked = imported(capsys), len(hub.log)
    monkeypatch.setenv("AVVLA_BASE", str(tmp_path / "elsewhere"))
    folder, _ = published
    places = ["--folder", str(folder / "checkpoint"), "--backbone", str(folder / "backbone")]
    assert cli.main(["policy", "import-base", *places]) == 0
    assert imported(capsys) == digest
    assert len(hub.log) == asked


def of_another_policy(hub):
    config = json.loads(hub.files["config.json"]) | {"type": "act"}
    hub.files["config.json"] = json.dumps(config).encode()


def names_a_path(hub):
    config = json.loads(hub.files["config.json"]) | {"vlm_model_name": "/home/me/vlm"}
    hub.files["config.json"] = json.dumps(config).encode()


def cut_weights(hub):
    hub.files["model.safetensors"] = hub.files["model.safetensors"][:1000]


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda hub: setattr(hub, "left", 0), "no answer from"),
        (lambda hub: hub.files.pop("model.safetensors"), f"{REPO} has no model.safetensors at"),
        (of_another_policy, "is of a policy of type 'act'"),
        (names_a_path, "names its backbone by the path '/home/me/vlm'"),
        (lambda hub: hub.beside.clear(), f"there is no model {BACKBONE_REPO}: check --backbone"),
        (lambda hub: setattr(hub, "token", "secret"), f"{REPO} is gated (or missing) and there"),
    ],
)
def test_what_the_hub_does_not_give_is_told_with_another_way(hub, harm, told, capsys, tmp_path):
    harm(hub)
    assert cli.main(["policy", "import-base"]) == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.endswith("import them with --folder and --backbone (docs/finetune.md)\n")
    assert error.count("\n") == 1
    assert "model.safetensors" not in bodies(hub)
    assert not list(tmp_path.glob("bases/[0-9a-f]*"))


def test_a_damaged_file_of_the_hub_is_no_base(hub, capsys, tmp_path):
    cut_weights(hub)
    assert cli.main(["policy", "import-base"]) == 1
    assert "model.safetensors is damaged" in capsys.readouterr().err
    assert not list(tmp_path.glob("bases/[0-9a-f]*"))


def test_an_unknown_commit_is_told(hub, capsys):
    assert cli.main(["policy", "import-base", "--revision", "9" * 40]) == 1
    assert f"has no commit {'9' * 40}: set --revision to one of" in capsys.readouterr().err


def test_offline_is_told(hub, monkeypatch, capsys):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert cli.main(["policy", "import-base"]) == 1
    assert "HF_HUB_OFFLINE is set, but files of lerobot/smolvla_base" in capsys.readouterr().err
    assert not hub.log


def test_a_hub_that_is_none_is_told(hub, capsys):
    hub.revision = "main"  # what it tells is no commit
    assert cli.main(["policy", "import-base"]) == 1
    assert "tells no commit of the branch main of lerobot/smolvla" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--revision", "main"], "'main' is no commit of 40 hexadecimal digits"),
        (["--repo", "a/b", "--folder", "."], "not allowed with argument"),
    ],
)
def test_wrong_usage(arguments, told, capsys):
    with pytest.raises(SystemExit):
        cli.main(["policy", "import-base", *arguments])
    assert told in capsys.readouterr().err


def test_a_folder_has_no_commits(tmp_path, capsys):
    assert cli.main(["policy", "import-base", "--folder", ".", "--revision", COMMIT]) == 1
    assert "--folder is on this machine, where no commit can be chosen" in capsys.readouterr().err


def test_a_folder_that_names_an_absent_backbone_is_told(published, tmp_path, capsys):
    checkpoint = shutil.copytree(published[0] / "checkpoint", tmp_path / "checkpoint")
    assert cli.main(["policy", "import-base", "--folder", str(checkpoint)]) == 1
    assert f"the hub's cache has no '{BACKBONE_REPO}'" in capsys.readouterr().err

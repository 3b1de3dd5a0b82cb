"""Bases: what may be imported, what it is named by, and that it is still that when it is used."""

import json
import shutil

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file
from smolvla_factory import BACKBONE_REPO

from avvla.config import PolicyParams
from avvla.errors import UserError
from avvla.policy import base


@pytest.fixture
def source(imported, tmp_path):
    """A checkpoint with its backbone, to be harmed."""
    return shutil.copytree(imported.root / imported.digest, tmp_path / "source")


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


def test_a_base_is_what_was_imported_and_nothing_else(imported):
    kept = base.open_base(imported.root, imported.digest)
    assert kept.folder == imported.root / imported.digest
    assert set(files(kept.folder)) == {
        "config.json",
        "model.safetensors",
        "backbone/config.json",
        "backbone/processor_config.json",
        "backbone/tokenizer.json",
        "backbone/tokenizer_config.json",
    }
    theirs = imported.policy.state_dict()
    for name, value in load_file(kept.weights).items():
        assert torch.equal(value, theirs[name])
    assert list(imported.root.iterdir()) == [kept.folder]


def test_how_the_weights_are_used_is_the_base_s(imported):
    network = base.open_base(imported.root, imported.digest).network
    assert (network.min_period, network.max_period) == (0.01, 2.0)
    assert (network.num_vlm_layers, network.self_attn_every_n_layers) == (2, 1)


def test_the_same_files_have_the_same_hash_wherever_they_lie(imported, source, tmp_path):
    (source / "backbone" / "model.safetensors").write_bytes(b"weights, which are not wanted")
    (source / "policy_preprocessor.json").write_text("{}")
    again = base.keep(tmp_path / "other", source, source / "backbone")
    assert again == imported.digest
    assert files(tmp_path / "other" / again) == files(imported.root / imported.digest)
    assert base.keep(tmp_path / "other", source, source / "backbone") == again


@pytest.mark.parametrize("name", ["config.json", "backbone/tokenizer_config.json"])
def test_every_file_counts_for_the_hash(imported, source, tmp_path, name):
    (source / name).write_text((source / name).read_text() + "\n")
    assert base.keep(tmp_path / "other", source, source / "backbone") != imported.digest


def rewrite(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def adapters_alone(folder):
    (folder / "model.safetensors").unlink()
    (folder / "adapter_config.json").write_text("{}")


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda f: rewrite(f, type="act"), "is of a policy of type 'act', expected smolvla or"),
        (lambda f: rewrite(f, min_period="short"), "min_period: .*expected what LeRobot writes"),
        (lambda f: (f / "config.json").write_text("{}"), "is of a policy of type None"),
        (lambda f: (f / "config.json").write_text("[1]"), "is of a policy of type None"),
        (lambda f: cut(f / "config.json"), "cannot be read as a configuration"),
        (lambda f: (f / "config.json").unlink(), "config.json is missing: expected a folder with"),
        (lambda f: (f / "model.safetensors").unlink(), "model.safetensors is missing: copy"),
        (lambda f: cut(f / "model.safetensors"), "model.safetensors is damaged"),
        (lambda f: (f / "model.safetensors").write_bytes(b""), "model.safetensors is damaged"),
        (adapters_alone, "holds adapters without the weights"),
        (lambda f: cut(f / "backbone/tokenizer.json"), "backbone is damaged"),
        (lambda f: shutil.rmtree(f / "backbone"), "backbone is missing"),
        (shutil.rmtree, "model.safetensors is missing"),
    ],
)
def test_what_is_no_base_is_told_in_one_line_and_leaves_nothing(source, tmp_path, harm, told):
    harm(source)
    with pytest.raises(UserError, match=told) as caught:
        base.keep(tmp_path / "bases", source, source / "backbone")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "bases").exists() or not list((tmp_path / "bases").iterdir())


def test_a_full_disk_leaves_nothing(source, tmp_path, monkeypatch):
    def full(_, target):
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(base.shutil, "copyfile", full)
    with pytest.raises(UserError, match=r"No space left on device; .*or set AVVLA_BASE"):
        base.keep(tmp_path / "bases", source, source / "backbone")
    assert not list((tmp_path / "bases").iterdir())


def test_a_base_that_is_not_here_is_told(imported):
    policy = PolicyParams(warm_start="0" * 64)
    with pytest.raises(UserError, match=r"has no such base: import it with `avvla policy import"):
        base.base_of(policy)


def test_a_base_whose_files_changed_is_refused(imported, tmp_path, monkeypatch):
    folder = shutil.copytree(imported.root, tmp_path / "bases") / imported.digest
    monkeypatch.setenv("AVVLA_BASE", str(tmp_path / "bases"))
    policy = PolicyParams(warm_start=imported.digest)
    found = base.base_of(policy)
    assert found is not None
    assert found.folder == folder
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(UserError, match="are not those that were imported under its name"):
        base.base_of(policy)


@pytest.mark.parametrize(
    "given", [{"lora": {"rank": 4}}, {"unmatched": ["model.state_proj.weight"]}]
)
def test_what_needs_a_base_is_refused_without_one(given):
    with pytest.raises(UserError, match=r"is set, but policy\.warm_start is not"):
        base.base_of(PolicyParams.model_validate(given))
    assert base.base_of(PolicyParams()) is None


class TestFindBackbone:
    @pytest.fixture
    def bare(self, source):
        """A checkpoint that names its backbone, and that backbone elsewhere."""
        return source, (source / "backbone").rename(source.parent / "backbone")

    def test_its_own_folder_comes_first(self, source):
        assert base.find_backbone(source) == source / "backbone"

    def test_else_the_hub_s_cache(self, bare, tmp_path, monkeypatch):
        checkpoint, backbone = bare
        repository = tmp_path / "hub" / f"models--{BACKBONE_REPO.replace('/', '--')}"
        (repository / "refs").mkdir(parents=True)
        (repository / "refs" / "main").write_text("a" * 40)
        shutil.copytree(backbone, repository / "snapshots" / ("a" * 40))
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        assert base.find_backbone(checkpoint) == repository / "snapshots" / ("a" * 40)

    @pytest.mark.parametrize("name", [BACKBONE_REPO, "/of/another/machine", "models/a/backbone"])
    def test_else_it_has_to_be_given(self, bare, name, tmp_path, monkeypatch):
        checkpoint, _ = bare
        rewrite(checkpoint, vlm_model_name=name)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        with pytest.raises(UserError, match=f"has no '{name}', .* with --backbone"):
            base.find_backbone(checkpoint)

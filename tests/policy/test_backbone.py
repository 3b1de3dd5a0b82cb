from pathlib import Path

import pytest
from transformers import AutoConfig, AutoProcessor

from avvla.config import Backbone
from avvla.errors import UserError
from avvla.labels.taxonomy import COMMANDS
from avvla.policy.backbone import CORPUS, build_backbone, save_backbone


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_rebuild_writes_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        build_backbone(tmp_path / name, Backbone(), 96)
    built = contents(tmp_path / "a")
    assert list(built) == [
        "config.json",
        "processor_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert built == contents(tmp_path / "b")
    assert str(tmp_path) not in str(built)


def test_a_reloaded_backbone_saves_the_same_bytes(tmp_path):
    build_backbone(tmp_path / "a", Backbone(), 96)
    loaded = (
        AutoConfig.from_pretrained(tmp_path / "a"),
        AutoProcessor.from_pretrained(tmp_path / "a"),
    )
    save_backbone(tmp_path / "b", *loaded)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_tokenizer_keeps_any_text(tmp_path):
    build_backbone(tmp_path, Backbone(), 96)
    tokenizer = AutoProcessor.from_pretrained(tmp_path).tokenizer
    for text in (*CORPUS, "Überhole den Traktor 🚜\n"):
        assert tokenizer.decode(tokenizer(text).input_ids) == text
    assert len(tokenizer("Change lane left\n").input_ids) == 4
    assert len(tokenizer) <= AutoConfig.from_pretrained(tmp_path).text_config.vocab_size


def test_corpus_is_the_taxonomy():
    assert tuple(text.removesuffix("\n") for text in CORPUS) == COMMANDS


@pytest.mark.parametrize(
    ("change", "image_size", "told"),
    [
        ({}, 100, "image_size is 100 px, expected a multiple of 32 px"),
        ({"vision_width": 100}, 96, "vision_width is 100, expected a multiple of 32"),
        ({"text_width": 48}, 96, "text_width is 48, expected a multiple of 32"),
    ],
)
def test_sizes_that_do_not_divide_are_refused(change, image_size, told, tmp_path):
    with pytest.raises(UserError, match=told):
        build_backbone(tmp_path / "backbone", Backbone(**change), image_size)
    assert not (tmp_path / "backbone").exists()

"""The digest of sources: every name and every byte counts."""

import pytest

from avvla.cluster import fingerprint


@pytest.fixture
def package(tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprint, "PACKAGE", tmp_path)
    (tmp_path / "world").mkdir()
    (tmp_path / "world/a.py").write_text("1")
    (tmp_path / "world/b.py").write_text("2")
    return tmp_path


def test_it_is_the_same_for_the_same_sources(package):
    assert fingerprint.source_digest("world/*.py") == fingerprint.source_digest("world/*.py")


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "world/a.py").write_text("3"),
        lambda root: (root / "world/a.py").rename(root / "world/c.py"),
        lambda root: (root / "world/c.py").write_text(""),
        lambda root: (root / "world/b.py").unlink(),
    ],
)
def test_it_changes_with_a_source(package, change):
    before = fingerprint.source_digest("world/*.py")
    change(package)
    assert fingerprint.source_digest("world/*.py") != before


def test_a_pattern_without_a_source_is_a_defect(package):
    with pytest.raises(ValueError, match="no source of avvla matches"):
        fingerprint.source_digest("word/*.py")

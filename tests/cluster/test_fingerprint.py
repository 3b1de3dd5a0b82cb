"""What code a result depends on: every module on its way, every byte, and nothing else."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.cluster import fingerprint
from avvla.cluster.fingerprint import ROOT, identity, imports

FILES = {
    "avvla/__init__.py": "",
    "avvla/step.py": "from avvla.a import f\nif TYPE_CHECKING:\n    from avvla.types import T\n",
    "avvla/a.py": "import json, numpy.linalg\ndef f():\n    import avvla.sub.b\n",
    "avvla/types.py": "T = int\n",
    "avvla/sub/__init__.py": "",
    "avvla/sub/b.py": "from pyarrow import parquet\n",
    "avvla/sub/templates/page.html": "<html>",
    "avvla/sub/unused.py": "",
}
USED = sorted(FILES.keys() - {"avvla/types.py", "avvla/sub/unused.py"})


@pytest.fixture
def project(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def digest(project):
    fingerprint._identity.cache_clear()
    return fingerprint._identity(project / "avvla/step.py", project)


def test_imports_are_followed_through_functions_and_packages(project):
    found = imports(project / "avvla/step.py", project)
    assert [path.relative_to(project).as_posix() for path in found.files] == USED
    assert found.libraries == ("numpy", "pyarrow")


def test_the_other_branch_of_a_type_check_runs(project):
    text = "if typing.TYPE_CHECKING:\n    import torch\nelse:\n    import avvla.types\n"
    (project / "avvla/sub/b.py").write_text(text)
    found = imports(project / "avvla/step.py", project)
    assert project / "avvla/types.py" in found.files
    assert "torch" not in found.libraries


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_counts_exactly_if_it_is_used(project, name):
    before = digest(project)
    assert digest(project) == before
    (project / name).write_text(FILES[name] + "\n")
    assert (digest(project) != before) == (name in USED)


def test_an_added_import_counts(project):
    before = digest(project)
    (project / "avvla/sub/b.py").write_text("from avvla.sub import unused\n")
    assert digest(project) != before


def test_a_library_s_version_counts(project, monkeypatch):
    before, version = digest(project), fingerprint.importlib.metadata.version
    for name in ("pyarrow", "scipy", "torch"):
        monkeypatch.setattr(
            fingerprint.importlib.metadata,
            "version",
            lambda asked, name=name: "0" if asked == name else version(asked),
        )
        assert (digest(project) != before) == (name != "torch")


@given(st.dictionaries(st.sampled_from("abcd"), st.lists(st.sampled_from("abcd"))))
def test_cycles_end_and_the_start_is_in(tmp_path_factory, graph):
    root = tmp_path_factory.mktemp("graph")
    (root / "avvla").mkdir()
    for name in "abcd":
        lines = [f"import avvla.{other}\n" for other in graph.get(name, [])]
        (root / f"avvla/{name}.py").write_text("".join(lines))
    reached, waiting = set(), ["a"]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += graph.get(name, [])
    found = imports(root / "avvla/a.py", root)
    assert [path.stem for path in found.files] == sorted(reached)


def test_only_modules_of_avvla_have_an_identity():
    assert len(identity("avvla.errors")) == 64
    assert identity("avvla.errors") != identity("avvla.files")
    for module in ("__main__", "numpy"):
        with pytest.raises(ValueError, match="not a module of avvla"):
            identity(module)


STEPS = ["avvla.actions.chunk", "avvla.dataset.shard", "avvla.labels.chunk", "avvla.world.chunk"]


@pytest.mark.parametrize("step", STEPS)
def test_steps_do_not_depend_on_the_machinery_or_the_parameters_form(step):
    # A new progress bar, or a parameter of training, must not make every chunk anew.
    found = imports(ROOT.joinpath(*step.split(".")).with_suffix(".py"), ROOT)
    names = {path.relative_to(ROOT).as_posix() for path in found.files}
    assert not {name for name in names if name.startswith("avvla/cluster/")}
    assert names.isdisjoint({"avvla/config/__init__.py", "avvla/host.py", "avvla/results.py"})


def test_what_is_found_covers_what_runs():
    """Every module of avvla that importing a step loads is in its list."""
    code = (
        "import json, sys, avvla.labels.chunk, avvla.actions.chunk\n"
        "print(json.dumps([m.__file__ for n, m in sys.modules.items() if n.startswith('avvla.')]))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    listed = {
        str(path)
        for step in ("labels", "actions")
        for path in imports(ROOT / f"avvla/{step}/chunk.py", ROOT).files
    }
    assert set(json.loads(run.stdout)) <= listed
    assert np.__name__ in imports(ROOT / "avvla/actions/chunk.py", ROOT).libraries

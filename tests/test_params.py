from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from avvla.config import Params
from avvla.errors import UserError
from avvla.params import load_params


def write(folder: Path, text: str) -> Path:
    path = folder / "params.yaml"
    path.write_text(text)
    return path


def test_an_empty_mapping_gives_the_defaults(tmp_path: Path) -> None:
    assert load_params(write(tmp_path, "{}")) == Params()


def test_the_defaults_survive_a_round_trip(tmp_path: Path) -> None:
    path = write(tmp_path, yaml.safe_dump(Params().model_dump()))
    assert load_params(path) == Params()


def test_a_value_of_the_file_is_used(tmp_path: Path) -> None:
    params = load_params(write(tmp_path, "train: {steps: 3, lr: 1e-3}\nseed: 8"))
    assert (params.train.steps, params.train.lr, params.seed) == (3, 1e-3, 8)


def test_parameters_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Params().seed = 8  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sed: 7", "unknown parameter `sed`; did you mean `seed`?"),
        ("train: {step: 3}", "unknown parameter `train.step`; did you mean `steps`?"),
        ("policy: {backbone: {nam: tiny}}", "`policy.backbone.nam`; did you mean `name`?"),
        (
            "action: {zzzz: 1}",
            "unknown parameter `action.zzzz`; known keys: method, integrator, max_error_m",
        ),
        ("1: 2", "1 is 1: keys should be strings"),
        ("train: {steps: 0}", "train.steps is 0: input should be greater than or equal to 1"),
        ("build: {validation: 1.0}", "build.validation is 1.0: input should be less than 1"),
        ("train: {lr: .nan}", "train.lr is nan: input should be a finite number"),
        ("train: {lr: .inf}", "train.lr is inf: input should be a finite number"),
        ("train: {steps: many}", "train.steps is 'many': input should be a valid integer"),
        ("train: {steps: 1.5}", "train.steps is 1.5: input should be a valid integer"),
        ("train: 3", "train is 3: input should be"),
        ("train:", "train is None: input should be"),
        ("action: {method: both}", "action.method is 'both': input should be 'joint' or"),
        ("action: {integrator: rk4}", "action.integrator is 'rk4': input should be 'euler' or"),
        ("- seed", "holds list, expected a mapping"),
        ("", "holds NoneType, expected a mapping"),
        ("seed: [", "cannot be read as YAML"),
        ("seed: !!python/object:os.system {}", "cannot be read as YAML"),
    ],
)
def test_bad_text_is_told_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UserError) as error:
        load_params(path)
    assert told in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "seed: 2001-99-99",
        "seed: 0x_",
        "seed: !!int x",
        "seed: !!bool x",
        "seed: !!timestamp x",
        "seed: " + "9" * 5000,
        "[" * 3000,
        'train: {"two\\nlines": 1}',
    ],
)
def test_what_the_yaml_reader_stumbles_over_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError) as error:
        load_params(write(tmp_path, text))
    assert "\n" not in str(error.value)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train\.steps is 0.*; unknown.*`sed`") as error:
        load_params(write(tmp_path, "sed: 7\ntrain: {steps: 0}"))
    assert str(error.value).count("params.yaml") == 1


def test_a_missing_file_says_how_to_get_it(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    with pytest.raises(UserError, match=r"params.yaml is missing: .*git checkout"):
        load_params(path)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(b"seed: \xff\xfe")
    with pytest.raises(UserError, match="cannot be read as YAML"):
        load_params(path)


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        load_params(tmp_path)


KEYS = st.sampled_from(["seed", "train", "steps", "lr", "dataset", "synthetic", "policy", "zzz"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | LEAVES, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def loads_or_tells(folder: Path, text: str) -> None:
    told = ""
    try:
        assert isinstance(load_params(write(folder, text)), Params)
    except UserError as error:
        told = str(error)
    assert "\n" not in told


@given(tree=TREES)
def test_any_tree_loads_or_is_told(folder: Path, tree: object) -> None:
    loads_or_tells(folder, yaml.safe_dump(tree))


@given(text=st.text(alphabet=st.characters(codec="utf-8")))
def test_any_text_loads_or_is_told(folder: Path, text: str) -> None:
    loads_or_tells(folder, text)


@given(text=st.text(alphabet="seed:train{}[]-,'\"#&*!|>%@`? \n\t0123.", max_size=40))
def test_any_yaml_like_text_loads_or_is_told(folder: Path, text: str) -> None:
    loads_or_tells(folder, text)

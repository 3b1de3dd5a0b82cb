"""The configuration: defaults, round trip, and one clear line for whatever is wrong in it."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from rl_factory import CONTINUOUS, SMALL, merged

from avvla.errors import UserError
from avvla.rl.lane import DiscreteLane, LaneSettings
from avvla.rl.legacy import LEGACY
from avvla.rl.reading import experiment_of, load_settings, plain_of, settings_of
from avvla.rl.settings import Dqn, Ppo, Runners, Settings

ROOT = Path(__file__).resolve().parents[2]


def test_an_empty_mapping_is_the_default() -> None:
    settings = settings_of({})
    assert isinstance(experiment_of(settings), DiscreteLane)
    assert isinstance(settings.learn, Dqn)
    assert settings.world.backend == "embedded"


@pytest.mark.parametrize("plain", [{}, SMALL, CONTINUOUS])
def test_what_is_written_reads_back_equal(plain: dict) -> None:
    settings = settings_of(plain)
    assert settings_of(plain_of(settings)) == settings
    assert settings_of(yaml.safe_load(yaml.safe_dump(plain_of(settings)))) == settings


CONFIGURATIONS = [ROOT / "pipelines/rl/params.yaml", *sorted(ROOT.glob("conf/rl/*.yaml"))]


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_the_files_in_the_tree_are_valid(path: Path) -> None:
    load_settings(path)


def test_the_learner_is_chosen_by_name() -> None:
    assert isinstance(settings_of(CONTINUOUS).learn, Ppo)


def test_the_preset_of_2021_has_its_numbers_and_may_be_changed() -> None:
    experiment = settings_of({"experiment": {"preset": "legacy_2021"}}).experiment
    assert isinstance(experiment, LaneSettings)
    assert (experiment.view.size_px, experiment.view.radius_m, experiment.view.frames) == (
        300,
        15.0,
        1,
    )
    assert not experiment.episode.collision_ends
    assert experiment.episode.time_limit_terminates
    assert (experiment.reward.time_limit, experiment.reward.idle) == (100.0, -100.0)
    changed = settings_of({"experiment": {"preset": "legacy_2021", "view": {"size_px": 84}}})
    assert isinstance(changed.experiment, LaneSettings)
    assert (changed.experiment.view.size_px, changed.experiment.view.radius_m) == (84, 15.0)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"lern": {}}, "unknown parameter `lern`; did you mean `learn`?"),
        ({"learn": {"learning_rte": 1}}, "`learn.learning_rte`; did you mean `learning_rate`?"),
        ({"learn": {"algorithm": "sac"}}, "learn.algorithm is 'sac', expected 'dqn' or 'ppo'"),
        ({"learn": {"learning_rate": 0}}, "learn.learning_rate is 0: input should be greater"),
        ({"learn": {"learning_rate": float("nan")}}, "learn.learning_rate is nan"),
        ({"learn": {"exploration": {"kind": "softmax", "temperatur": 1}}}, "`temperature`"),
        ({"learn": {"network": {"conv": []}}}, r"learn.network.conv is \[\]"),
        ({"world": {"backend": "embeded"}}, "world.backend is 'embeded', expected 'embedded' or"),
        ({"experiment": {"view": {"frames": 5}}}, "experiment.view.frames is 5"),
        ({"experiment": {"view": {"framse": 2}}}, "experiment.view.framse.*`frames`"),
        ({"experiment": {"reward": {"metres": 2}}}, "did you mean `metre`?"),
        ({"experiment": {"preset": "legacy"}}, "experiment.preset is 'legacy'"),
        ({"experiment": []}, "experiment is \\[\\]"),
        ({"experiment": {"class": "lane"}}, "'lane', expected module:Name"),
        ({"experiment": {"class": "no.such:Thing"}}, "cannot be imported"),
        ({"experiment": {"class": "avvla.rl.lane:Missing"}}, "cannot be imported"),
        ({"experiment": {"class": "pathlib:Path"}}, "derived from avvla.rl.experiment"),
        ({"experiment": {"class": "avvla.rl.lane:LaneExperiment"}}, "lacks compute_action, get_a"),
        ({"seed": -1}, "seed is -1"),
        ({"stop": {"ram_percent": 101}}, "stop.ram_percent is 101"),
        ({"runners": {"envs": 0}}, "runners.envs is 0"),
        ({"learn": {"buffer_size": "many"}}, "learn.buffer_size is 'many'"),
    ],
)
def test_wrong_values_are_told_in_one_line(changes: dict, told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        settings_of(merged(SMALL, changes))
    assert "\n" not in str(caught.value)


def test_a_minibatch_above_its_batch_is_refused() -> None:
    with pytest.raises(UserError, match="minibatch_size 600 is above batch_size 500"):
        settings_of(merged(CONTINUOUS, {"learn": {"minibatch_size": 600}}))


SECTIONS = {"": Settings, "learn": Dqn, "experiment": LaneSettings, "runners": Runners}


@pytest.mark.parametrize(
    ("section", "key"),
    [
        (section, key)
        for section, kind in SECTIONS.items()
        for key in sorted(set(LEGACY) - set(kind.model_fields))
    ],
)
def test_old_keys_say_what_to_write(section: str, key: str) -> None:
    changes = {section: {key: 1}} if section else {key: 1}
    with pytest.raises(UserError, match=f"{key}` is a key of rllib-integration: (write|drop|its)"):
        settings_of(merged(SMALL, changes))


def test_advice_names_keys_that_exist() -> None:
    fields = {
        name
        for section in Settings.model_fields.values()
        for name in getattr(section.annotation, "model_fields", {})
    }
    assert {"count", "envs", "fragment", "gpus", "every"} <= fields
    for advice in LEGACY.values():
        for name in [part for part in advice.split("`") if part.startswith("learn.")]:
            holder: type = Dqn
            for part in name.split(".")[1:]:
                assert part in holder.model_fields, name
                holder = holder.model_fields[part].annotation


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a\n", "holds list, expected a mapping"),
        ("", "holds NoneType, expected a mapping"),
        ("a: [", "cannot be read as YAML"),
        ("a: !!python/object:os.system {}", "cannot be read as YAML"),
        ("sed: 1", "unknown parameter `sed`; did you mean `seed`?"),
        ("learn: {discount: 1}", "learn has no `algorithm`: say which kind it is"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=told) as caught:
        load_settings(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no\.yaml is missing"):
        load_settings(tmp_path / "no.yaml")


WORD = st.text("ab:. \n{", max_size=4)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORD,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["learn", "world", "experiment", "class", "view", "kind", "conv"])
            | WORD,
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*Settings.model_fields, "x"]), PLAIN, max_size=4))
def test_whatever_it_holds_is_settings_or_one_line(plain: dict) -> None:
    told = ""
    try:
        settings_of(plain)
    except UserError as error:
        told = str(error)
    assert "\n" not in told

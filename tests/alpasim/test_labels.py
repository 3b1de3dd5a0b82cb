"""Labels of any shape, and the search over them."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.alpasim import labels
from avvla.errors import UserError

SCENES = {
    "a": {"weather": ("rain",), "vrus": ("true",), "road_types": ("highway", "ramp")},
    "b": {"weather": ("clear",), "vrus": ("false",), "road_types": ("urban",)},
    "c": {"weather": ("rain",), "road_types": ("urban",)},
}


def read(tmp_path, content):
    path = tmp_path / "labels.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return labels.read(path)


def test_every_shape(tmp_path):
    assert read(
        tmp_path,
        {
            "Weather": "Rain", "vrus": True, "other": "True", "road_types": ["Urban", "ramp"],
            "traffic_density": 3, "nothing": None, "lighting": {"day": True, "night": "False"},
            "behavior": {"ego": {"turn": "left"}},
        },
    ) == {
        "behavior.ego.turn": ("left",), "lighting": ("day",), "nothing": (), "other": ("true",),
        "road_types": ("ramp", "urban"), "traffic_density": ("3",), "vrus": ("true",),
        "weather": ("rain",),
    }  # fmt: skip


@pytest.mark.parametrize("content", ["", "[]", "3", "{", "[" * 100_000])
def test_damage(tmp_path, content):
    with pytest.raises(UserError, match=r"labels.json (cannot be read|holds no object)"):
        read(tmp_path, content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
)


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4))
def test_any_object_becomes_text(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "labels.json"
    path.write_text(json.dumps(content))
    for values in labels.read(path).values():
        assert list(values) == sorted(set(values))


@pytest.mark.parametrize(
    ("wanted", "any_of", "found"),
    [
        ([], False, ["a", "b", "c"]),
        (["weather=rain"], False, ["a", "c"]),
        (["weather=rain", "road_types=urban"], False, ["c"]),
        (["weather=rain", "road_types=urban"], True, ["a", "b", "c"]),
        (["Weather=RAIN", "vrus=True"], False, ["a"]),
    ],
)
def test_search(wanted, any_of, found):
    assert labels.search(SCENES, labels.conditions(wanted), any_of=any_of) == found


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("wether=rain", "no scene has labels for 'wether': did you mean 'weather'?"),
        ("weather=rainy", "no scene has weather=rainy: did you mean 'rain'?"),
        ("weather=snow", "no scene has weather=snow, expected one of clear, rain"),
        ("weather", "the condition is 'weather', expected key=value"),
        ("=rain", "expected key=value"),
        ("weather=", "expected key=value"),
    ],
)
def test_unknown_labels(wanted, told):
    with pytest.raises(UserError, match=re.escape(told)):
        labels.search(SCENES, labels.conditions([wanted]))


def test_counts():
    assert labels.counts(SCENES)["weather"] == {"rain": 2, "clear": 1}

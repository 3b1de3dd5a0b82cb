import sys
from pathlib import Path

import pytest
import yaml
from devkit_double import TrajectorySampling

from avvla.errors import UserError
from avvla.navsim.agent import AvvlaAgent
from avvla.navsim.configuration import agent_yaml


def test_hydra_makes_an_agent_of_it(tmp_path, monkeypatch):
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    text = agent_yaml("field_agent", Path("agent"), "cuda")
    assert "???" not in text
    made = yaml.safe_load(text)
    assert made["driver"] == [sys.executable, "-m", "avvla.cli", "navsim", "serve"]
    assert (made["checkpoint"], made["device"]) == (str(tmp_path / "agent"), "cuda")
    assert made.pop("_target_") == "avvla.navsim.agent.AvvlaAgent"
    assert made.pop("_convert_") == "all"
    sampling = made.pop("trajectory_sampling")
    assert (sampling["time_horizon"], sampling["interval_length"]) == (4, 0.5)
    AvvlaAgent(TrajectorySampling(), **made)


def test_the_canary_needs_no_checkpoint():
    made = yaml.safe_load(agent_yaml("constant_velocity", None, "cpu"))
    assert (made["policy"], made["checkpoint"]) == ("constant_velocity", "")


@pytest.mark.parametrize("checkpoint", [None, Path("nowhere")])
def test_a_field_agent_without_a_checkpoint_is_refused(checkpoint):
    with pytest.raises(UserError, match=r"expected a folder with a config\.json"):
        agent_yaml("field_agent", checkpoint, "cpu")

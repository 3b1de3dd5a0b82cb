import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForImageTextToText

from avvla.agent.commander import CommanderError, Situation
from avvla.agent.local_model import LocalModel, allowed
from avvla.config import Backbone
from avvla.errors import UserError
from avvla.labels.taxonomy import COMMANDS
from avvla.policy.backbone import build_backbone

TINY = Backbone(vision_width=32, vision_layers=1, text_width=64, text_layers=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A SmolVLM with drawn weights, whole."""
    folder = tmp_path_factory.mktemp("model")
    build_backbone(folder, TINY, 64)
    torch.manual_seed(3)
    model = AutoModelForImageTextToText.from_config(AutoConfig.from_pretrained(folder))
    model.save_pretrained(folder)
    template = "{% for m in messages %}{% for c in m['content'] %}{% if c['type'] == 'image' %}"
    template += "<image>{% else %}{{ c['text'] }}{% endif %}{% endfor %}\n{% endfor %}"
    (folder / "chat_template.jinja").write_text(template)
    return folder


def situation(seed):
    picture = np.random.default_rng(seed).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    return Situation(picture, 8.0, 0.0, ())


def test_whatever_a_model_would_say_it_says_a_command(folder):
    model = LocalModel(folder, "cpu")
    told = [model.command(situation(seed)) for seed in range(3)]
    assert set(told) <= set(COMMANDS)
    assert told == [model.command(situation(seed)) for seed in range(3)]


def test_without_a_picture_there_is_no_command(folder):
    with pytest.raises(CommanderError, match="no picture"):
        LocalModel(folder, "cpu").command(Situation(None, 8.0, 0.0, ()))


def test_a_folder_without_a_model_ends_in_one_line(tmp_path):
    with pytest.raises(UserError, match="nothing is no folder, expected one with an image-text"):
        LocalModel(tmp_path / "nothing", "cpu")
    with pytest.raises(UserError, match="holds no image-text model with its processor"):
        LocalModel(tmp_path, "cpu")


def test_only_what_becomes_a_choice_may_be_written():
    choices = [[1, 2], [1, 3, 4], [5]]
    assert allowed(choices, [], 9) == [1, 5]
    assert allowed(choices, [1], 9) == [2, 3]
    assert allowed(choices, [1, 3], 9) == [4]
    assert allowed(choices, [5], 9) == [9]
    assert allowed([*choices, [1]], [1], 9) == [2, 3, 9]

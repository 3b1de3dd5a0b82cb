import json
from pathlib import Path

import pytest
import torch
from hdf5_factory import PARAMS, episodes, inputs

from avvla.config import Params
from avvla.dataset.builder import build
from avvla.dataset.episodes import open_episodes
from avvla.errors import UserError
from avvla.training.episodes import Episodes, judge, read, train

MODEL = Path("models/field_agent")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Four episodes of 8 to 11 frames, one of them held out."""
    folder = tmp_path_factory.mktemp("built")
    episodes(folder / "episodes", 4)
    build(inputs(folder), folder / "lerobot", 1)
    return folder / "lerobot"


def params(**train):
    return Params.model_validate({**PARAMS, "train": {**PARAMS["train"], **train}})


def weights(checkpoint):
    return {name: value.clone() for name, value in checkpoint.policy.state_dict().items()}


def test_trains_twice_to_the_same_bits(root):
    first, history = train(params(), root, "cpu", MODEL)
    second, _ = train(params(), root, "cpu", MODEL)
    for name, value in weights(first).items():
        assert torch.equal(value, weights(second)[name]), name
    assert [row["step"] for row in history.rows] == [2, 4]
    assert history.rows[-1]["validation_loss_flow"] > 0
    assert history.rows[-1]["validation_action_error"] > 0
    assert not first.policy.training


def test_two_processes_train_as_one_does(root):
    alone, history = train(params(), root, "cpu", MODEL)
    together, shared = train(params(processes=2), root, "cpu", MODEL)
    for name, value in weights(alone).items():
        torch.testing.assert_close(weights(together)[name], value, rtol=1e-3, atol=1e-4)
    assert shared.rows[0]["gradient_norm"] == pytest.approx(
        history.rows[0]["gradient_norm"], rel=1e-3
    )


def test_learns_and_the_error_of_its_actions_falls(root):
    few, _ = train(params(steps=1), root, "cpu", MODEL)
    many, history = train(params(steps=80, log_every=10, lr=3e-3), root, "cpu", MODEL)
    assert history.rows[-1]["loss_flow"] < 0.9 * history.rows[0]["loss_flow"]
    seen = open_episodes(root, range(4), 50)
    before, after = (judge(checkpoint, seen, 7) for checkpoint in (few, many))
    assert after["validation_action_error"] < 0.95 * before["validation_action_error"]


def test_actions_past_the_episode_s_end_do_not_count(root):
    workload = Episodes(params(), root, [0], "cpu", MODEL)
    samples = workload.batch([6, 7], slice(None), torch.Generator())
    assert samples["action_is_pad"].sum(1).tolist() == [48, 49]
    noise, time = torch.randn(2, 50, 12), torch.tensor([0.3, 0.6])

    def loss():
        return workload.loss(workload.checkpoint.preprocessor(dict(samples)), noise, time)[0]

    before = loss()
    samples["action"][0, 2:] += 100.0
    torch.testing.assert_close(loss(), before, rtol=1e-4, atol=1e-5)
    samples["action"][0, 1] += 100.0
    assert abs(loss() - before) > 1.0


def test_the_error_is_of_actions_within_the_episode_in_their_units(root, monkeypatch):
    checkpoint = Episodes(params(), root, [0], "cpu", MODEL).checkpoint
    deviation = torch.tensor(json.loads((root / "meta/stats.json").read_text())["action"]["std"])

    def plan(batch, _):
        """One deviation beside the truth, far away past the episode's end."""
        return torch.where(batch["action_is_pad"][..., None], 1e6, batch["action"] + 1.0)

    monkeypatch.setattr(checkpoint.policy, "predict_action_chunk", plan)
    found = judge(checkpoint, open_episodes(root, [0], 50), 7)
    assert found["validation_action_error"] == pytest.approx(deviation.mean().item(), rel=1e-3)


def test_a_part_of_a_batch_is_read_alone(root):
    workload = Episodes(params(), root, [0, 1], "cpu", MODEL)
    assert workload.episode.tolist() == [0] * 8 + [1] * 9
    part = workload.batch([3, 9, 12], slice(1, None, 2), torch.Generator())
    whole = read(open_episodes(root, [0, 1], 50), [9])
    assert part.keys() == whole.keys()
    assert part["task"] == whole["task"]
    torch.testing.assert_close(part["action"], whole["action"])


def test_statistics_of_another_dimension_stop_before_the_first_step(root, tmp_path):
    path = root / "meta/stats.json"
    before = path.read_text()
    stored = json.loads(before)
    stored["observation.state"]["mean"] = [0.0] * 3
    path.write_text(json.dumps(stored))
    try:
        with pytest.raises(UserError, match=r"mean of observation.state has the shape \(3,\)"):
            train(params(), root, "cpu", MODEL)
    finally:
        path.write_text(before)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"processes": 3}, r"train.batch_size is 4, expected a multiple of train.processes = 3"),
        ({"lr": 1e30}, r"the loss is (nan|inf) at step \d, in a batch of the episodes \[\d"),
    ],
)
def test_what_cannot_be_trained_is_told(root, change, told):
    with pytest.raises(UserError, match=told):
        train(params(**change), root, "cpu", MODEL)


def test_pictures_of_another_size_are_told(root):
    other = Params.model_validate({**PARAMS, "build": {"image_size": 96, "validation": 0.25}})
    with pytest.raises(
        UserError, match=r"camera1 is \(64, 64, 3\), expected build.image_size = 96"
    ):
        train(other, root, "cpu", MODEL)

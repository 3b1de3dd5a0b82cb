import json
from pathlib import Path

import pytest
import torch
from hdf5_factory import PARAMS

from avvla.config import Params, Train
from avvla.dataset import split
from avvla.dataset.episode_frames import FromVideo, open_samples
from avvla.dataset.episodes import open_episodes
from avvla.errors import UserError
from avvla.training.episodes import Episodes, judge, train

MODEL = Path("models/field_agent")


def params(**changes):
    return Params.model_validate({**PARAMS, "train": {**PARAMS["train"], **changes}})


def weights(trained):
    policy = trained.checkpoint.policy
    return {name: value.clone() for name, value in policy.state_dict().items()}


def test_trains_twice_to_the_same_bits(root, new_run):
    first, second = (train(params(), root, "cpu", MODEL, new_run()) for _ in range(2))
    for name, value in weights(first).items():
        assert torch.equal(value, weights(second)[name]), name
    assert first.rows == second.rows
    assert [row["step"] for row in first.rows] == [2, 4]
    assert first.rows[-1]["validation_action_error"] > 0
    assert not first.checkpoint.policy.training


@pytest.mark.parametrize("shares", [{"processes": 2}, {"accumulate": 2}])
def test_a_batch_that_is_shared_trains_as_a_whole_one(root, new_run, shares):
    """The samples' chunks end with their episodes, so the parts weigh differently."""
    steps = {"steps": 6, "log_every": 1}
    whole = train(params(**steps), root, "cpu", MODEL, new_run())
    shared = train(params(**steps, **shares), root, "cpu", MODEL, new_run())
    for ours, theirs in zip(shared.rows, whole.rows, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], abs=1e-5)


def test_goes_on_from_a_checkpoint_with_the_same_figures(root, new_run):
    steps = {"steps": 6, "log_every": 1, "save_every": 3}
    whole, run = train(params(**steps), root, "cpu", MODEL, new_run()), new_run()
    train(params(**steps), root, "cpu", MODEL, run)
    (run.folder / "checkpoints/000006").rename(run.folder / "gone")
    assert train(params(**steps), root, "cpu", MODEL, run).rows == whole.rows


def test_learns_and_the_error_of_its_actions_falls(root, new_run):
    few = train(params(steps=1), root, "cpu", MODEL, new_run())
    longer = params(steps=80, log_every=10, lr=3e-3)
    many = train(longer, root, "cpu", MODEL, new_run())
    assert many.rows[-1]["loss_flow"] < 0.9 * many.rows[0]["loss_flow"]
    seen = open_samples(open_episodes(root, range(4), 50), 50, 10**9)
    before, after = (judge(trained.checkpoint, seen, Train()) for trained in (few, many))
    assert after["validation_action_error"] < 0.95 * before["validation_action_error"]


def test_actions_past_the_episode_s_end_do_not_count(root):
    workload = Episodes(params(), root, MODEL, "cpu")
    samples = workload.batch([6, 7], [0, 1], torch.Generator())
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
    checkpoint = Episodes(params(), root, MODEL, "cpu").checkpoint
    deviation = torch.tensor(json.loads((root / "meta/stats.json").read_text())["action"]["std"])

    def plan(batch, _):
        """One deviation beside the truth, far away past the episode's end."""
        return torch.where(batch["action_is_pad"][..., None], 1e6, batch["action"] + 1.0)

    monkeypatch.setattr(checkpoint.policy, "predict_action_chunk", plan)
    found = judge(checkpoint, FromVideo(open_episodes(root, [0], 50)), Train())
    assert found["validation_action_error"] == pytest.approx(deviation.mean().item(), rel=1e-3)


def test_a_part_of_a_batch_is_read_alone(root):
    workload = Episodes(params(), root, MODEL, "cpu")
    part = workload.batch([3, 9, 12], [1], torch.Generator())
    whole = workload._samples.read([9])
    assert part.keys() == whole.keys()
    assert part["task"] == whole["task"]
    torch.testing.assert_close(part["action"], whole["action"])


def test_a_sample_weighs_as_many_steps_as_its_episode_has_left(root):
    workload = Episodes(params(), root, MODEL, "cpu")
    everything = workload._samples.read(range(len(workload.weight)))
    counted = (~everything["action_is_pad"]).sum(1)
    assert workload.weight.tolist() == counted.tolist()
    assert set(workload.origin.names.values()) == set(split.load(root).train.clips)


def test_statistics_of_another_dimension_stop_before_the_first_step(root, new_run):
    path = root / "meta/stats.json"
    before = path.read_text()
    stored = json.loads(before)
    stored["observation.state"]["mean"] = [0.0] * 3
    path.write_text(json.dumps(stored))
    try:
        with pytest.raises(UserError, match=r"mean of observation.state has the shape \(3,\)"):
            train(params(), root, "cpu", MODEL, new_run())
    finally:
        path.write_text(before)


def test_a_component_that_never_moves_stops_before_the_first_step(root, new_run):
    path = root / "meta/stats.json"
    before = path.read_text()
    stored = json.loads(before)
    stored["action"]["std"][3] = 1e-9
    path.write_text(json.dumps(stored))
    try:
        with pytest.raises(UserError, match=r"q4 of action never moves \(standard deviation below"):
            train(params(), root, "cpu", MODEL, new_run())
    finally:
        path.write_text(before)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"processes": 3}, r"train.batch_size is 4, expected a multiple of train.processes x"),
        (
            {"lr": 1e30},
            r"the loss is (nan|inf) at step \d, in a batch of day_\d/episode_\d+_",
        ),
    ],
)
def test_what_cannot_be_trained_is_told(root, new_run, change, told):
    with pytest.raises(UserError, match=told):
        train(params(**change), root, "cpu", MODEL, new_run())


def test_pictures_of_another_size_are_told(root, new_run):
    other = Params.model_validate({**PARAMS, "build": {"image_size": 96, "validation": 0.25}})
    with pytest.raises(
        UserError, match=r"camera1 is \(64, 64, 3\), expected build.image_size = 96"
    ):
        train(other, root, "cpu", MODEL, new_run())

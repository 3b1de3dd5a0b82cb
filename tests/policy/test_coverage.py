"""Which keys of a base become a policy's, and that none is lost without a word."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from avvla.errors import UserError
from avvla.policy.checkpoint import make_field_agent
from avvla.policy.coverage import compare, fill


@pytest.fixture
def theirs(agent, tmp_path):
    """The weights of an agent of another seed, a file to change, and how to fill from it."""
    path = tmp_path / "model.safetensors"
    generator = torch.Generator().manual_seed(1)
    save_file(
        {
            name: torch.randn(value.shape, generator=generator)
            for name, value in agent.state_dict().items()
        },
        path,
    )
    return path


@pytest.fixture
def fresh(params):
    return make_field_agent(params, "cpu")


def change(path, edit):
    weights = load_file(path)
    edit(weights)
    save_file(weights, path)


def test_all_weights_are_the_base_s(fresh, theirs):
    coverage = fill(fresh, theirs, ())
    wanted = load_file(theirs)
    assert coverage.filled == tuple(sorted(wanted))
    assert not coverage.missing
    assert not coverage.unused
    for name, value in fresh.state_dict().items():
        assert torch.equal(value, wanted[name]), name
    count = len(wanted)
    assert coverage.told() == (
        f"{count} of the policy's {count} tensors are from the base,"
        f" 0 of the base's {count} are not used"
    )


def test_half_precision_is_taken_in_the_policy_s(fresh, theirs):
    change(theirs, lambda w: w.update({k: v.bfloat16() for k, v in w.items()}))
    fill(fresh, theirs, ())
    for name, value in load_file(theirs).items():
        mine = fresh.state_dict()[name]
        assert mine.dtype == torch.float32
        assert torch.equal(mine, value.float())


def test_old_statistics_are_left_out_and_counted(fresh, theirs):
    names = ("normalize_inputs.so100.buffer_observation_state.mean", "unnormalize_outputs.a.std")
    change(theirs, lambda w: w.update({name: torch.ones(6) for name in names}))
    coverage = fill(fresh, theirs, ())
    assert coverage.statistics == names
    assert coverage.told().endswith("are not used, nor are its 2 statistics")


def test_names_that_compiling_left_are_understood(fresh, theirs):
    wanted = load_file(theirs)
    save_file(
        {name.replace("model.", "model._orig_mod.", 1): value for name, value in wanted.items()},
        theirs,
    )
    fill(fresh, theirs, ())
    for name, value in fresh.state_dict().items():
        assert torch.equal(value, wanted[name]), name


def test_a_tensor_with_two_names_is_filled_by_either():
    shared = torch.zeros(2)
    ours = {"head": shared, "embedding": shared, "other": torch.zeros(3)}
    coverage = compare(ours, {"embedding": (2,), "other": (3,)})
    assert coverage.filled == ("embedding", "head", "other")
    assert not coverage.unmatched


LOST = "model.state_proj.bias"


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda w: w.pop(LOST), f"not in the base: {LOST}; .*{LOST} first"),
        (
            lambda w: w.update(extra=torch.zeros(1)),
            r"1 of the base's \d+ are not used; not in the policy: extra; .*extra first",
        ),
        (
            lambda w: w.update({LOST: torch.zeros(3)}),
            rf"other shapes: {LOST} \(32,\), in the base \(3,\); change policy.max_dim",
        ),
        (lambda w: w.update({LOST: w[LOST] * torch.nan}), f"{LOST} holds NaN or infinity"),
    ],
)
def test_what_does_not_fit_is_refused(fresh, theirs, edit, told):
    change(theirs, edit)
    with pytest.raises(UserError, match=told) as caught:
        fill(fresh, theirs, ())
    assert "\n" not in str(caught.value)


def test_what_is_named_may_differ(fresh, theirs):
    change(theirs, lambda w: (w.pop(LOST), w.update(extra=torch.zeros(1))))
    drawn = fresh.state_dict()[LOST].clone()
    coverage = fill(fresh, theirs, (LOST, "ext*"))
    assert coverage.unmatched == ("extra", LOST)
    assert torch.equal(fresh.state_dict()[LOST], drawn)
    wanted = load_file(theirs)
    assert torch.equal(fresh.state_dict()["model.state_proj.weight"], wanted[LOST[:-4] + "weight"])


def test_a_name_of_nothing_that_differs_is_refused(fresh, theirs):
    with pytest.raises(UserError, match=r"has 'model.state_prj.\*', which names no key"):
        fill(fresh, theirs, ("model.state_prj.*",))


def test_a_truncated_file_is_told(fresh, theirs):
    theirs.write_bytes(theirs.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"is damaged .*import the base again"):
        fill(fresh, theirs, ())


SHAPES = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.integers(1, 3), max_size=2))


@given(ours=SHAPES, theirs=SHAPES)
def test_every_key_is_accounted_for_once(ours, theirs):
    state = {name: torch.zeros(shape) for name, shape in ours.items()}
    shapes = {name: tuple(shape) for name, shape in theirs.items()}
    coverage = compare(state, shapes)
    assert sorted([*coverage.filled, *coverage.missing]) == sorted(ours)
    assert sorted([*coverage.filled, *coverage.unused]) == sorted(theirs)
    assert set(coverage.reshaped) == set(coverage.missing) & set(coverage.unused)
    assert all(tuple(ours[name]) == shapes[name] for name in coverage.filled)

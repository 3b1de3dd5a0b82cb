import numpy as np
import pytest

from avvla.evaluation.examples import Example, choose, load_examples, save_examples


def planned(samples, errors):
    """Plans that lie `errors` metres beside the driven paths."""
    aside = np.array(errors, float)[:, None, None] * (0.0, 1.0)
    return samples.trajectory[..., :2] + aside


def test_examples_go_from_the_best_to_the_worst(samples):
    examples = choose(samples, planned(samples, [3, 0, 6, 1, 5, 2, 4]))
    assert [(e.rank, round(e.ade_m, 3)) for e in examples] == [
        ("best", 0.0),
        ("25 of 100", 2.0),
        ("median", 3.0),
        ("75 of 100", 4.0),
        ("worst", 6.0),
    ]
    assert (examples[0].clip, examples[-1].clip) == ("clip-1", "clip-2")
    assert examples[2].command == "Follow the lane"
    np.testing.assert_array_equal(examples[0].image, samples.image[1])
    np.testing.assert_array_equal(examples[0].recorded, samples.trajectory[1, :, :2])


@pytest.mark.parametrize(("count", "ranks"), [(1, ["best"]), (2, ["best", "worst"])])
def test_few_samples_come_once(samples, count, ranks):
    few = type(samples)(*(getattr(samples, name)[:count] for name in samples.__dataclass_fields__))
    assert [example.rank for example in choose(few, planned(few, range(count)))] == ranks


def test_round_trip(tmp_path, samples):
    examples = choose(samples, planned(samples, range(7)))
    path = tmp_path / "examples.npz"
    save_examples(path, examples)
    loaded = load_examples(path)
    assert len(loaded) == len(examples)
    for got, expected in zip(loaded, examples, strict=True):
        for name in Example.__dataclass_fields__:
            np.testing.assert_array_equal(
                getattr(got, name),
                np.asarray(getattr(expected, name)).astype(np.asarray(getattr(got, name)).dtype),
            )

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.errors import UserError
from avvla.review.samples import COLUMNS, choose, load_labels, quotas

COUNTS = {"Follow the lane": 300, "Turn left": 60, "Stop": 3}


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 50), min_size=1), st.integers(0, 200))
def test_quotas_are_alike_and_use_all_that_is_asked_for(counts, samples):
    found = quotas(counts, samples)
    assert sum(found.values()) == min(samples, sum(counts.values()))
    full = [text for text in counts if found[text] < counts[text]]
    assert all(found[text] <= counts[text] for text in counts)
    for text in full:
        assert max(found.values()) - found[text] <= 1


def test_every_command_is_shown_and_rare_ones_whole(make_labels):
    shown = choose(make_labels(COUNTS), 23)
    assert shown["command"].value_counts().to_dict() == {
        "Follow the lane": 10,
        "Turn left": 10,
        "Stop": 3,
    }
    assert not shown.duplicated(["clip_id", "t0_us"]).any()
    assert shown["command"].tolist() != sorted(shown["command"])


def test_each_clip_is_shown_once_before_any_twice(make_labels):
    labels = make_labels({"Follow the lane": 300})
    assert choose(labels, 30)["clip_id"].nunique() == 30
    assert choose(labels, 40)["clip_id"].value_counts().max() == 2


def test_the_samples_do_not_depend_on_the_order_of_the_rows_or_on_other_clips(make_labels):
    labels = make_labels(COUNTS)
    shown = choose(labels, 23)
    pd.testing.assert_frame_equal(choose(labels[::-1], 23), shown)
    most = set(zip(shown["clip_id"], shown["t0_us"], strict=True))
    fewer = choose(labels[labels["clip_id"] != labels["clip_id"][0]], 23)
    assert len(most & set(zip(fewer["clip_id"], fewer["t0_us"], strict=True))) >= 22


def test_all_labels_are_shown_where_more_are_asked_for(make_labels):
    assert len(choose(make_labels(COUNTS), 1000)) == 363
    assert len(choose(make_labels(COUNTS), 1)) == 1


def test_labels_of_all_chunks_are_read(tmp_path, make_labels):
    labels = make_labels(COUNTS).assign(direction="none")
    labels[:100].to_parquet(tmp_path / "chunk_0000.parquet")
    labels[100:].to_parquet(tmp_path / "chunk_0001.parquet")
    pd.testing.assert_frame_equal(load_labels(tmp_path), labels[list(COLUMNS)])


@pytest.mark.parametrize(
    ("rows", "match"),
    [({}, "has tables, but no row in them"), ({"Stop": 2}, "has rows without a command")],
)
def test_labels_without_a_command_are_refused(tmp_path, make_labels, rows, match):
    table = make_labels(rows).assign(command=pd.Series(None, dtype="string"))
    table.to_parquet(tmp_path / "chunk_0000.parquet")
    with pytest.raises(UserError, match=f"{match}: make the labels with `dvc repro"):
        load_labels(tmp_path)


@pytest.mark.parametrize("damage", ["none", "no parquet", "a column less"])
def test_bad_labels_are_one_line(tmp_path, make_labels, damage):
    path = tmp_path / "chunk_0000.parquet"
    if damage == "no parquet":
        path.write_bytes(b"PAR1" * 10)
    if damage == "a column less":
        make_labels(COUNTS).drop(columns="text").to_parquet(path)
    with pytest.raises(UserError, match="make the labels with `dvc repro --force label`") as caught:
        load_labels(tmp_path)
    assert "\n" not in str(caught.value)

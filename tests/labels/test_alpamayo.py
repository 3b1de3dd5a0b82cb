import contextlib
import dataclasses
import itertools
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factory import data_set, recordings
from hypothesis import given
from hypothesis import strategies as st

from avvla.errors import UserError
from avvla.labels.alpamayo import DISAGREE, NOT_LABELLED, agreed, asked, read, tables, written
from avvla.labels.coc import NO_VERB
from avvla.labels.instruction import CERTAIN, LIKELY, UNKNOWN
from avvla.physical_ai.reader import Clips

LEFT, AGAIN, STOP = "Turn left for the route.", "Turn left: the lane ends.", "Stop for the light."
NONSENSE = "The weather is fine."


def table(rows: list[tuple[str, int, int, str]], **change: object) -> pd.DataFrame:
    made = pd.DataFrame(rows, columns=["clip_id", "t0_us", "sample", "cot"])
    made = made.assign(model="m", model_revision="a" * 40, trajectory=[[0.0] * 192] * len(rows))
    return made.astype({"sample": "int32"}).assign(**change)


ROWS = [("b", 2, 0, STOP), ("a", 3, 0, STOP), ("a", 2, 1, AGAIN), ("a", 2, 0, LEFT)]


def test_texts_are_read_by_clip_time_and_sample(tmp_path: Path) -> None:
    table(ROWS).to_parquet(tmp_path / "t.parquet", index=False)
    found = read(tmp_path / "t.parquet")
    assert found.by_clip == {"a": [(2, LEFT), (2, AGAIN), (3, STOP)], "b": [(2, STOP)]}
    assert re.fullmatch("[0-9a-f]{64}", found.sha256)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (table(ROWS).drop(columns="cot"), "expected full columns"),
        (table(ROWS).astype({"t0_us": float}), "expected full columns clip_id, t0_us, sample"),
        (table(ROWS, cot=[None, "a", "b", "c"]), "expected full columns"),
        (table([*ROWS, ROWS[1]]), "has clip a at 3 us twice"),
        (table(ROWS, model=["m", "m", "n", "m"]), "has texts of 2 models, expected those of one"),
        (table(ROWS)[:0], "expected full columns"),
    ],
)
def test_a_table_that_is_not_the_labellers(tmp_path: Path, made: pd.DataFrame, told: str) -> None:
    made.to_parquet(tmp_path / "t.parquet", index=False)
    with pytest.raises(UserError, match=rf"t\.parquet .*{told}"):
        read(tmp_path / "t.parquet")


@given(st.data())
def test_a_cut_or_changed_table_is_a_user_error_or_whole(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("texts") / "t.parquet"
    table(ROWS).to_parquet(path, index=False)
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with contextlib.suppress(UserError):
        read(path)


def test_the_hash_is_over_all_tables_that_are_read(tmp_path: Path) -> None:
    for chunk in (0, 1, 2):
        table(ROWS[chunk:]).to_parquet(tmp_path / f"chunk_{chunk:04d}.parquet", index=False)
    with pytest.raises(UserError, match=r"label\.texts is '', but the tables in") as caught:
        tables(tmp_path, (0, 2), "")
    digest = str(caught.value).rpartition("set label.texts=")[2]
    wanted = {chunk: tmp_path / f"chunk_{chunk:04d}.parquet" for chunk in (0, 2)}
    assert tables(tmp_path, (0, 2), digest) == wanted
    wanted[1] = tmp_path / "chunk_0001.parquet"
    wanted[1].unlink()  # of no chunk that is asked for
    tables(tmp_path, (0, 2), digest)
    wanted[2].write_bytes(b"other")
    with pytest.raises(UserError, match=f"label.texts is '{digest}', but the tables in"):
        tables(tmp_path, (0, 2), digest)
    with pytest.raises(UserError, match=r"lacks 1 of 3 tables, chunk_0001\.parquet first"):
        tables(tmp_path, (0, 1, 2), digest)


def test_a_text_is_about_its_own_t0() -> None:
    found = written([(2_000_000, LEFT), (3_000_000, NONSENSE)], np.arange(2, 5) * 1_000_000)
    assert [one.command.text for one in found] == [
        "Turn left",
        "Follow the lane",
        "Follow the lane",
    ]
    assert [one.confidence for one in found] == [CERTAIN, UNKNOWN, UNKNOWN]
    assert [one.reason for one in found] == ["", NO_VERB, NOT_LABELLED]
    assert [one.text for one in found] == [LEFT, NONSENSE, ""]


@pytest.mark.parametrize(
    ("texts", "command", "confidence", "text", "reason"),
    [
        ([LEFT], "Turn left", CERTAIN, LEFT, ""),
        ([LEFT, AGAIN], "Turn left", CERTAIN, LEFT, ""),
        ([STOP, AGAIN, LEFT], "Turn left", LIKELY, AGAIN, ""),
        ([NONSENSE, LEFT, LEFT], "Turn left", LIKELY, LEFT, ""),
        ([LEFT, STOP], "Follow the lane", UNKNOWN, LEFT, DISAGREE),
        ([NONSENSE, LEFT], "Follow the lane", UNKNOWN, NONSENSE, DISAGREE),
        ([NONSENSE, "Sing."], "Follow the lane", UNKNOWN, NONSENSE, NO_VERB),
    ],
)
def test_samples_vote(
    texts: list[str], command: str, confidence: float, text: str, reason: str
) -> None:
    found = agreed(texts)
    assert (found.command.text, found.confidence) == (command, confidence)
    assert (found.text, found.reason) == (text, reason)


def test_the_order_of_the_samples_does_not_change_the_command() -> None:
    for texts in itertools.product([LEFT, STOP, NONSENSE], repeat=3):
        votes = {agreed(order).command.text for order in itertools.permutations(texts)}
        assert len(votes) == 1


def test_asked_is_every_t0_of_the_data_set(tmp_path: Path) -> None:
    clips = recordings(3)
    short = dataclasses.replace(
        clips[1], frame_us=clips[1].frame_us[:2], frames=clips[1].frames[:2]
    )
    listing = data_set(tmp_path, [clips[0], short, clips[2]])
    reader = Clips(listing, tmp_path)
    found = asked(reader, listing.chunks, 2.0, 0.5)
    grid = [2_000_000, 2_500_000, 3_000_000, 3_500_000]
    assert found.to_dict("list") == {
        "clip_id": [clips[0].clip_id] * 4 + [clips[2].clip_id] * 4,
        "chunk": [0] * 4 + [1] * 4,
        "t0_us": grid * 2,
    }
    assert [str(kind) for kind in found.dtypes] == ["object", "int64", "int64"]
    with pytest.raises(UserError, match=r"t0_start_s is 1\.6, expected more than 1\.6 s"):
        asked(reader, listing.chunks, 1.6, 0.5)
    with pytest.raises(UserError, match="no clip has a t0 from 30"):
        asked(reader, listing.chunks, 30.0, 0.5)

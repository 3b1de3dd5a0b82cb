import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avvla.errors import UserError
from avvla.review.verdicts import Agreement, agreements, overall, read_verdicts, told

HEADER = "clip_id,t0_us,command,verdict\n"
FIRST = "clip-000,2000000,Follow the lane,yes\n"
COUNTS = {"Follow the lane": 90, "Stop": 10}


@pytest.fixture
def labels(make_labels):
    return make_labels(COUNTS)


def written(folder, content):
    path = folder / "verdicts.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows(labels, verdicts):
    """A file's rows with verdicts on the first labels of each command."""
    lines = []
    for text, words in verdicts.items():
        part = labels[labels["command"] == text]
        for clip_id, t0_us, word in zip(part["clip_id"], part["t0_us"], words, strict=False):
            lines.append(f"{clip_id},{t0_us},{text},{word}\n")
    return HEADER + "".join(lines)


def test_agreement_of_each_command_and_of_all_by_their_share(tmp_path, labels):
    verdicts = {
        "Follow the lane": ["yes", "yes", "yes", "no"],
        "Stop": ["no", "yes", "unsure", "", "no"],
    }
    path = written(tmp_path, rows(labels, verdicts))
    lane, stop = agreements(read_verdicts(path, labels), labels)
    assert lane == Agreement("Follow the lane", 90, yes=3, no=1, unsure=0, open=0)
    assert stop == Agreement("Stop", 10, yes=1, no=2, unsure=1, open=1)
    assert lane.share == 0.75
    assert stop.share == pytest.approx(1 / 3)
    assert overall([lane, stop]) == pytest.approx(0.9 * 0.75 + 0.1 / 3)
    table = told([lane, stop]).splitlines()
    assert len({line.index("  ", 60) for line in table[1:]}) == 1
    assert table[1].split()[-5:] == ["0", "0.75", "(0.30", "to", "0.95)"]
    assert table[-1].split()[-6:] == ["100", "4", "3", "1", "1", "0.71"]


def test_nothing_judged_is_said(tmp_path, labels):
    path = written(tmp_path, rows(labels, {"Stop": ["", "unsure"]}))
    found = agreements(read_verdicts(path, labels), labels)
    assert found == [Agreement("Stop", 10, 0, 0, unsure=1, open=1)]
    assert math.isnan(found[0].share)
    assert math.isnan(overall(found))
    assert told(found).count("none judged") == 2


def test_a_spreadsheets_mark_and_line_ends_do_no_harm(tmp_path, labels):
    path = written(tmp_path, ("\ufeff" + HEADER + FIRST).replace("\n", "\r\n"))
    assert read_verdicts(path, labels) == [("Follow the lane", "yes")]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "has the columns of no table, expected clip_id, t0_us, command, verdict"),
        ("clip_id,t0_us,verdict\n", "has the columns clip_id, t0_us, verdict, expected"),
        (HEADER.replace("\n", ",note\n"), "has the columns clip_id, .*, note, expected"),
        (HEADER.replace(",", ";"), "has the columns clip_id;t0_us;command;verdict, expected"),
        (b"\xff\xfe\x00", "is no table"),
        (HEADER + FIRST.replace("yes", "maybe"), "row 2: verdict 'maybe', expected yes, no, un"),
        (HEADER + FIRST.replace("yes", "Yes"), "row 2: verdict 'Yes'"),
        (HEADER + FIRST + "clip-000,1,Stop\n", "row 3: 3 values, expected 4"),
        (HEADER + FIRST + "\n", "row 3: 0 values"),
        (HEADER + FIRST + FIRST, "row 3: clip clip-000 at 2000000 us stands there twice"),
        (HEADER + FIRST.replace("-000", "-999"), "row 2: no label of clip 'clip-999' at '2000000'"),
        (HEADER + FIRST.replace("2000000", "2.5e6"), "row 2: no label of clip 'clip-000' at '2.5"),
        (HEADER + FIRST.replace("Follow the lane", "Stop"), "asked about 'Stop', but the label is"),
    ],
)
def test_bad_files_are_one_line(tmp_path, labels, content, problem):
    with pytest.raises(UserError, match=problem) as caught:
        read_verdicts(written(tmp_path, content), labels)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_told(tmp_path, labels):
    with pytest.raises(UserError, match=r"verdicts\.csv is missing: save the verdicts"):
        read_verdicts(tmp_path / "verdicts.csv", labels)


@given(content=st.binary(max_size=60) | st.text(max_size=60).map(lambda t: (HEADER + t).encode()))
def test_any_file_is_read_or_refused(tmp_path_factory, make_labels, content):
    path = written(tmp_path_factory.mktemp("any"), content)
    with contextlib.suppress(UserError):
        assert read_verdicts(path, make_labels(COUNTS)) == []

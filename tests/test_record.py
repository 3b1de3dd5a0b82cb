import pytest

from avvla.errors import UserError
from avvla.record import Record, read_record


class Point(Record):
    x: int


def test_a_record_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "point.json"
    path.write_text(Point(x=3).model_dump_json())
    assert read_record(Point, path, "make it") == Point(x=3)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "point.json is missing: make it"),
        ("", "point.json: the file: "),
        ('{"x": 3', "point.json: the file: "),
        ('{"x": "3"}', "point.json: x: "),
        ('{"x": 3, "y": 4}', "point.json: y: "),
    ],
)
def test_damage_ends_in_one_line_that_says_what_to_do(tmp_path, text, told):
    path = tmp_path / "point.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_record(Point, path, "make it")
    assert told in str(caught.value)
    assert str(caught.value).endswith("make it")
    assert "\n" not in str(caught.value)


def test_a_folder_in_its_place_is_told(tmp_path):
    with pytest.raises(UserError, match=r"cannot be read \(Is a directory\): make it"):
        read_record(Point, tmp_path, "make it")

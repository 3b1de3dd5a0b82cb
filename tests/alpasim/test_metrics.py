"""What `collect` writes is read back whole; anything else ends in one line."""

import json

import pytest

from avvla.alpasim.collection import collect
from avvla.alpasim.metrics import read_metrics
from avvla.errors import UserError
from avvla.results import rounded, write_metrics


@pytest.fixture(params=["evaluated", "newest"])
def made(request, tmp_path):
    run = request.getfixturevalue(request.param)
    path = tmp_path / "metrics.json"
    write_metrics(path, collect(run, "public_2507"))
    return path


def test_a_result_is_read_as_it_was_written(made):
    found = read_metrics(made)
    written = json.loads(made.read_text())
    assert rounded(found.model_dump(exclude_unset=True)) == written
    assert found.scenes.suite == "public_2507"


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda text: "", "Invalid JSON"),
        (lambda text: "[]", "the file: Input should be an object"),
        (lambda text: text.replace('"suite"', '"suit"'), r"scenes.suite: Field required"),
        (lambda text: text.replace('"value": ', '"value": "much", "x": ', 1), "should be a valid"),
        (lambda text: text[:-20], "Invalid JSON"),
    ],
)
def test_another_file_is_told_in_one_line(made, edit, told):
    made.write_text(edit(made.read_text()))
    with pytest.raises(UserError, match=rf"metrics.json: .*{told}.*`avvla alpasim collect RUN`"):
        read_metrics(made)


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match="is missing: write it again with `avvla alpasim collect"):
        read_metrics(tmp_path / "metrics.json")

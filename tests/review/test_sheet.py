import re
from base64 import b64decode
from html.parser import HTMLParser

import cv2
import numpy as np
import pandas as pd
import pytest
from factory import camera, data_set, recordings

from avvla.config import Label
from avvla.labels.table import label_rows
from avvla.logs.windows import windows
from avvla.physical_ai.camera import front_camera_extrinsics
from avvla.physical_ai.reader import Clips
from avvla.review.samples import COLUMNS, choose
from avvla.review.sheet import FRAME_WIDTH_PX, cards, path_chart, render, with_path


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The clips of a small data set, their labels, and the cards of six of them."""
    root = tmp_path_factory.mktemp("sheet")
    clips = Clips(data_set(root, recordings(3, fps=10.0)), root)
    hostile = "Turn left because </script><script>alert(1)</script> & more."
    labels = pd.concat(
        label_rows(
            Label(source="ood_reasoning"),
            part.clip_id,
            part.t0_us,
            part.xy,
            part.yaw,
            part.speed,
            [(0, hostile)],
        )
        for chunk in (0, 1)
        for part in windows(clips, chunk, 2.0, 0.5)
    )
    rows = choose(labels[list(COLUMNS)], 6)
    return clips, rows, cards(clips, rows)


class Page(HTMLParser):
    """The elements of a page: (tag, attributes)."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))


def test_a_card_for_every_row_in_their_order(drawn):
    _, rows, shown = drawn
    assert [(card.clip_id, card.t0_us) for card in shown] == list(
        zip(rows["clip_id"], rows["t0_us"], strict=True)
    )
    for card in shown:
        assert card.command == "Turn left"
        names = [name for name, _ in card.facts]
        assert names[:2] == ["text", "cause"]
        assert dict(card.facts)["source"] == "ood_reasoning, confidence 1"
        encoded = np.frombuffer(b64decode(card.frame.partition(",")[2]), np.uint8)
        assert cv2.imdecode(encoded, cv2.IMREAD_COLOR).shape == (432, FRAME_WIDTH_PX, 3)
        assert "speed [m/s]" in card.speed


def test_the_page_holds_everything_and_asks_nothing_of_the_network(drawn):
    _, rows, shown = drawn
    text = render(shown, 24)
    page = Page(text)
    articles = [attributes for tag, attributes in page.elements if tag == "article"]
    assert [(one["data-clip"], int(one["data-t0"])) for one in articles] == list(
        zip(rows["clip_id"], rows["t0_us"], strict=True)
    )
    assert {one["data-command"] for one in articles} == {"Turn left"}
    assert sum(tag == "script" for tag, _ in page.elements) == 1
    assert "alert(1)" in text
    for _, attributes in page.elements:
        for name in ("src", "href"):
            assert attributes.get(name, "data:").startswith("data:")
    assert not re.search(r"https?://|@import|url\(", text)
    assert '["clip_id", "t0_us", "command", "verdict"]' in text


def test_the_same_labels_give_the_same_bytes(drawn):
    clips, rows, shown = drawn
    assert render(cards(clips, rows), 24) == render(shown, 24)
    assert render(shown[:5], 24) != render(shown, 24)


def test_the_path_lies_on_the_ground_on_its_side():
    grey = np.full((36, 64, 3), 90, np.uint8)
    x = np.linspace(1, 20, 64)
    lens, pose = camera(), front_camera_extrinsics()
    columns = []
    for bend in (0.02, -0.02, 0.0):
        path = np.stack([x, bend * x**2], -1)
        image = with_path(grey, lens, pose, path)
        changed = (image != 90).any(-1)
        assert image.shape == (432, FRAME_WIDTH_PX, 3)
        assert not changed[: 432 // 2 - 2].any()
        columns.append(np.nonzero(changed)[1].mean())
    assert columns[0] < columns[2] - 20 < columns[2] + 20 < columns[1]


def test_a_camera_of_unknown_place_shows_its_frame_alone():
    small = camera(192, 108)
    frame = np.full((108, 192, 3), 90, np.uint8)
    shown = with_path(frame, small, None, np.stack([np.arange(64.0), np.zeros(64)], axis=-1))
    assert shown.shape[1] == FRAME_WIDTH_PX
    assert (shown == 90).all()


def test_a_standing_car_has_a_frame_and_a_map():
    grey = np.full((36, 64, 3), 90, np.uint8)
    standing = np.zeros((64, 2))
    assert (with_path(grey, camera(), front_camera_extrinsics(), standing) == 90).all()
    assert "24 m across" in path_chart(standing)


def points(svg):
    text = re.search(r'points="([^"]*)"', svg)[1]
    return np.array([[float(value) for value in pair.split(",")] for pair in text.split()])


def test_the_map_has_ahead_up_and_left_to_the_left():
    x = np.linspace(0.5, 50, 64)
    drawn = points(path_chart(np.stack([x, 0.01 * x**2], -1)))
    assert drawn[-1, 1] < drawn[0, 1]
    assert drawn[-1, 0] < drawn[0, 0]
    assert (drawn >= 0).all()
    assert (drawn <= 240).all()
    ahead, aside = drawn[0, 1] - drawn[-1, 1], drawn[0, 0] - drawn[-1, 0]
    assert aside / ahead == pytest.approx(0.5, abs=0.01)

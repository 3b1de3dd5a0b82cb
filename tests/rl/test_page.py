"""The page and the curve of a training."""

import xml.etree.ElementTree as ET
from html.parser import HTMLParser

from rl_factory import SMALL, merged

from avvla.rl.page import curve, page
from avvla.rl.reading import settings_of

CHANCE = {"n": 20, "return": 50.0, "success": 0.0, "collision": 0.25}
FOUND = {
    1000: {"return": 60.0, "success": 0.25, "collision": 0.5},
    2000: {"return": 412.5, "success": 0.75, "collision": 0.125},
}


class Cells(HTMLParser):
    """The texts of a table's rows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag == "tr":
            self.rows.append([])
        self.loaded += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        if self.rows and data.strip():
            self.rows[-1].append(data.strip())


def test_the_page_has_every_checkpoint_and_chance_and_loads_nothing() -> None:
    text = page(settings_of(SMALL), FOUND, CHANCE)
    assert text == page(settings_of(SMALL), FOUND, CHANCE)
    cells = Cells(text)
    assert cells.rows[0] == ["return", "success", "collision"]
    assert cells.rows[1] == ["1000 steps", "60", "0.25", "0.5"]
    assert cells.rows[2] == ["2000 steps", "412", "0.75", "0.125"]
    assert cells.rows[3][:4] == ["chance", "50", "0", "0.25"]
    assert cells.loaded == []


def test_what_a_configuration_holds_cannot_leave_its_place() -> None:
    settings = settings_of(
        merged(
            SMALL, {"world": {"backend": "carla", "weather": "</pre><b>"}, "runners": {"envs": 1}}
        )
    )
    assert "</pre><b>" not in page(settings, FOUND, CHANCE)


def test_the_curve_is_a_drawing_of_both() -> None:
    drawing = ET.fromstring(curve([(step, row["return"]) for step, row in FOUND.items()], 50.0))
    assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
    texts = {element.text for element in drawing.iter() if element.text}
    assert {"trained", "chance", "environment steps"} <= texts

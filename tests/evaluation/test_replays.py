import asyncio
import json
from dataclasses import replace

import browser
import numpy as np
import pytest
from browser import CHROMIUM

from avvla.config import Synthetic
from avvla.evaluation import replays, report


@pytest.fixture
def cut_in(drives):
    return next(drive for drive in drives["agent"] if drive.family == "cut_in")


def test_data_is_what_was_driven_in_decimetres(cut_in):
    data = replays.data(cut_in, "told", Synthetic())
    ego = np.array(data["ego"]).reshape(-1, 4)
    assert len(ego) == len(data["others"]) == -(-len(cut_in.states) // 2)
    middle = 4.6 / 2 - 1.0
    x = cut_in.states[::2, 0] + middle * np.cos(cut_in.states[::2, 2])
    np.testing.assert_allclose(ego[:, 0], 10 * x, atol=0.51)
    np.testing.assert_allclose(ego[:, 3], 10 * cut_in.states[::2, 3], atol=0.51)
    assert all(len(boxes) == 3 * len(data["sizes"]) / 2 for boxes in data["others"])
    assert data["commands"][0] == [0, "Follow the lane"]
    assert data["asphalt"]
    assert data["line"]
    assert json.dumps(data) == json.dumps(replays.data(cut_in, "told", Synthetic()))


def test_a_text_cannot_end_the_script_of_the_page(cut_in, params):
    evil = replace(cut_in, commands=("</script><b>",) * len(cut_in.states))
    (family,) = [
        family for family in report.drive_families([evil], params.model_copy()) if family.labels
    ]
    assert "</script" not in family.replays
    assert json.loads(str(family.replays))[0]["commands"] == [[0, "</script><b>"]]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("size", [(1200, 900), (390, 800)])
def test_the_page_opens_and_plays_without_an_error_or_a_request(results, params, tmp_path, size):
    path = tmp_path / "report.html"
    path.write_text(report.render(results, params, tmp_path / "dvc.lock"))
    first = "document.querySelector('.replay')"

    async def steps(page):
        assert await page.value("document.querySelectorAll('.replay').length") == 13
        await page.value(f"{first}.querySelector('.play').click()")
        while float(await page.value(f"{first}.dataset.time")) < 0.5:
            await asyncio.sleep(0.05)
        await page.value(f"{first}.querySelector('.play').click()")
        stopped = await page.value(f"{first}.dataset.time")
        await page.value(f"{first}.querySelectorAll('.pick button')[1].click()")
        assert await page.value(f"{first}.querySelector('.play').textContent") == "Pause"
        assert float(await page.value(f"{first}.dataset.time")) < float(stopped)
        pixels = f"new Set({first}.querySelector('canvas').getContext('2d')"
        pixels += ".getImageData(0, 0, 1032, 380).data).size"
        assert await page.value(pixels) > 20
        width = await page.value("document.documentElement.scrollWidth")
        assert width <= size[0]

    page = browser.visit(path, tmp_path / "profile", steps, size)
    assert page.errors == []
    assert [url for url in page.requests if not url.startswith(("file:", "data:"))] == []

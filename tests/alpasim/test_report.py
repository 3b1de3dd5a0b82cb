"""The page of a run: whole, the same each time, and it opens in a browser."""

import re

import pytest
from alpasim_factory import OTHER_SCENE, ROLLOUT, SCENE
from browser import CHROMIUM, visit
from markupsafe import escape

from avvla.alpasim.collection import SCORES, collect
from avvla.alpasim.meanings import MEANINGS, meaning, place
from avvla.alpasim.metrics import Metrics, Rollouts, read_metrics
from avvla.alpasim.report import number, render, what
from avvla.results import write_metrics


@pytest.fixture
def read(tmp_path):
    def of(run, suite=None) -> Metrics:
        write_metrics(tmp_path / "metrics.json", collect(run, suite))
        return read_metrics(tmp_path / "metrics.json")

    return of


def test_an_older_run_is_told_whole_and_the_same_each_time(read, evaluated):
    made = read(evaluated, "public_2507")
    page = render(made)
    assert page == render(made)
    assert "<h1>avg_dist_between_incidents_at_fault 0.14</h1>" in page
    assert SCORES["avg_dist_between_incidents_at_fault"] in page
    of = "Alpasim 0.1.3, public_2507: 1 scenes, 2 rollouts of 200 steps"
    assert page.count(of) == 2  # above both tables
    assert "2 evaluated, 2 complete, 2 started; 2 of each scene asked for" in page
    for name in made.metrics:
        assert page.count(f"<tr><td><code>{name}</code></td>") == 1
        text, unit = meaning(name)
        assert f"<td>{unit}</td><td>{escape(text)}</td>" in page
    assert f"<code>{SCENE}</code><small><code>{ROLLOUT}</code>" in page
    assert '<span class="what">offroad</span> 1<small>' in page
    assert "&lt;built-in method index of VideoLayout&gt;.mp4" in page
    assert OTHER_SCENE not in page


def test_a_newer_run_has_its_score_and_criteria(read, newest):
    page = render(read(newest))
    assert "<h1>scene_score 0.5</h1>" in page
    assert "Mean of 2 rollouts." in page
    assert '<code>{"progress": 0.8}</code>' in page
    assert '<td class="number">0</td><td class="number">0.1</td>' in page
    assert f"<code>{OTHER_SCENE}</code>" in page


def test_the_page_loads_nothing_and_escapes_texts(read, evaluated):
    made = read(evaluated, "<script>alert(1)</script>")
    page = render(made)
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert not re.findall(r"url\(|@import|https?://", page)


def test_a_run_without_violations_says_so(read, newest):
    made = read(newest).model_copy(update={"violations": ()})
    assert "No evaluated rollout has one." in render(made)


def test_numbers_and_what_they_are_of(read, newest):
    told = [number(value) for value in (None, 0.0, 1.0, 12.34567)]
    assert told == ["\N{EN DASH}", "0", "1", "12.35"]
    made = read(newest)
    several = made.model_copy(
        update={"scenes": made.scenes.model_copy(update={"n_sim_steps": (60, 200)})}
    )
    assert what(several).endswith("2 rollouts of 60 or 200 steps")
    counts = Rollouts(started=5, complete=4, evaluated=3)
    other = made.model_copy(update={"scenes": made.scenes.model_copy(update={"rollouts": counts})})
    assert ", 3 rollouts of " in what(other)
    assert "3 evaluated, 4 complete, 5 started" in render(other)
    assert "60, 200" in render(several)


def test_metrics_have_meanings_and_an_order():
    assert all(text and unit for text, unit in MEANINGS.values())
    assert meaning("min_ade@2.5s(gt)")[1] == "m"
    assert meaning("of_tomorrow") == ("", "")
    names = ["of_tomorrow", "progress", "another", "collision_at_fault"]
    assert sorted(names, key=place) == ["collision_at_fault", "progress", "another", "of_tomorrow"]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("size", [(1200, 900), (400, 800)])
def test_a_browser_shows_it(read, evaluated, tmp_path, size):
    path = tmp_path / "report.html"
    path.write_text(render(read(evaluated, "public_2507")))

    async def steps(page):
        assert await page.value("document.querySelector('h1').innerText") == (
            "avg_dist_between_incidents_at_fault 0.14"
        )
        assert await page.value("document.querySelectorAll('#metrics tbody tr').length") > 10
        assert await page.value("document.querySelectorAll('#violations tbody tr').length") == 1
        # Wide tables scroll, the page does not.
        assert await page.value(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )

    page = visit(path, tmp_path / "profile", steps, size)
    assert page.errors == []
    assert [url for url in page.requests if not url.startswith(("file:", "data:"))] == []

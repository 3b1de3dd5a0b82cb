import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from avvla.config import Params
from avvla.errors import UserError
from avvla.evaluation import report, tables
from avvla.evaluation.drives import save_drives
from avvla.evaluation.examples import load_examples, save_examples
from avvla.evaluation.inputs import read_metrics
from avvla.evaluation.verdict import AIMS
from avvla.results import write_curve, write_metrics


@pytest.fixture
def render(params, results):
    return lambda: report.render(results, params, results.parent / "dvc.lock")


def test_the_page_tells_everything_and_the_same_each_time(render, results):
    write_metrics(results / "label/metrics.json", {"n": 7600, "commands": {"Stop": 12}})
    page = render()
    assert page == render()
    for aim in AIMS.values():
        assert page.count(f"<h3>{aim.title}</h3>") == 1
    assert page.count('src="data:image/png;base64,') == 2 * len(AIMS)
    assert page.count('src="data:image/jpeg;base64,') == 5
    assert "<td>commands, Stop</td><td>12</td>" in page
    assert "<td>n</td><td>7,600</td>" in page
    assert "<code>evaluate.roads</code></td><td><code>2</code>" in page
    assert page.count('aria-label="loss over optimiser step"') == 1
    assert "validation over" not in page  # one point is no curve
    assert 'id="artifacts"' not in page


def test_the_page_loads_nothing(render):
    page = render()
    assert "<script src" not in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    text = re.sub(r'"data:image/[^"]*"|<script>.*?</script>', "", page, flags=re.S)
    assert not re.findall(r"url\(|@import|//", text)


def test_texts_of_the_data_are_escaped(render, results):
    path = results / "evaluate/examples.npz"
    save_examples(path, [replace(load_examples(path)[0], command="<img src=x>")])
    page = render()
    assert "<img src=x>" not in page
    assert "&lt;img src=x&gt;" in page


def test_other_sources_show_the_picture_without_a_guess_at_the_camera(results, params):
    other = params.model_copy(
        update={"dataset": params.dataset.model_copy(update={"source": "nvidia"})}
    )
    page = report.render(results, other, results.parent / "dvc.lock")
    assert "no calibration of the camera" in page
    assert "green ribbon" not in page


def test_without_a_closed_loop_its_sections_are_left_out(results, params):
    alone = params.model_copy(update={"evaluate": params.evaluate.model_copy(update={"roads": 0})})
    known = read_metrics(results / "evaluate/metrics.json")
    write_metrics(
        results / "evaluate/metrics.json",
        {name: known[name] for name in ("open_loop", "comfort")},
    )
    save_drives(results / "evaluate/drives.npz", {})
    page = report.render(results, alone, results.parent / "dvc.lock")
    assert page.count("not driven in closed loop") == 1
    for name in ("closed-loop", "drives"):
        assert f'id="{name}"' not in page
        assert f'href="#{name}"' not in page
    assert "the closed loop decides" not in page
    assert 'id="open-loop"' in page
    with pytest.raises(UserError, match=r"metrics\.json has no 'closed_loop': run"):
        report.render(results, params, results.parent / "dvc.lock")


@pytest.mark.parametrize(
    ("missing", "advice"),
    [
        ("train/metrics.json", "dvc repro train"),
        ("evaluate/metrics.json", "dvc repro evaluate"),
        ("evaluate/drives.npz", "dvc repro evaluate"),
        ("evaluate/examples.npz", "dvc repro evaluate"),
        ("evaluate/plots/displacement.tsv", "dvc repro"),
        ("evaluate/timeline.parquet", "dvc repro evaluate"),
    ],
)
def test_missing_results_end_in_one_line(render, results, missing, advice):
    (results / missing).unlink()
    with pytest.raises(UserError, match=f"{missing} is missing: run `{advice}"):
        render()


def test_metrics_of_another_version_end_in_one_line(render, results):
    write_metrics(results / "evaluate/metrics.json", {"closed_loop": {"families": {}}})
    with pytest.raises(UserError, match=r"metrics\.json has no 'lane_keeping': run"):
        render()


def test_results_without_the_data_stages_are_shown(render, results):
    assert not (results / "label").exists()
    assert "No results of the data stages" in render()
    shutil.copytree(results / "train", results / "fit_actions")
    assert "Actions fitted to the driven paths" in render()


def drive(known, seed, **changes):
    return replace(known, seed=seed, **changes)


def test_the_worst_come_first(drives):
    fine = replace(drives["agent"][0], success=True, collided=False, off_road=False)
    fine = replace(fine, road=np.zeros((5, 3)), states=np.zeros((5, 4)))
    aside = np.tile((0.0, 1.0, 0.0), (5, 1))
    ranking = [
        drive(fine, 3, success=False, collided=True),
        drive(fine, 2, success=False, off_road=True, road=aside),
        drive(fine, 1, success=False, road=aside),
        drive(fine, 0, success=False),
        drive(fine, 4, road=aside),
        drive(fine, 5),
        drive(fine, 6),
    ]
    assert [one.seed for one in report.worst_first(ranking[::-1])] == [3, 2, 1, 0, 4, 5, 6]


def test_captions_say_what_became_of_a_drive(drives):
    fine = replace(drives["agent"][0], seed=7, collided=False, off_road=False, success=True)
    road = np.array([(0.0, 0.0, 0.0), (1.0, -1.0, 0.0)])
    fine = replace(fine, road=road, states=np.zeros((2, 4)))
    tail = "; 0.50 m from the lane's centre on average, 1.00 m at most"
    assert report.told(fine) == f"Road 7: succeeded, 0.1 s driven{tail}"
    failed = replace(fine, success=False)
    assert report.told(failed) == f"Road 7: missed its aim, 0.1 s driven{tail}"
    off = replace(failed, off_road=True)
    assert report.told(off) == f"Road 7: left the road after 0.1 s{tail}"
    hit = replace(off, collided=True)
    assert report.told(hit) == f"Road 7: hit another vehicle after 0.1 s{tail}"


def test_every_parameter_is_described():
    rows = tables.described(Params())
    names = [name for name, _, _ in rows]
    assert len(names) == len(set(names)) > 50
    assert all(meaning for _, _, meaning in rows)
    assert ("policy.backbone.patch_size", "16", "side of an image patch [px]") in rows


def test_flat_figures_put_single_ones_first():
    metrics = {"by": {"lane_a": 1, "b": {"c": None}}, "n_all": 1234, "share": 0.5, "ok": True}
    assert tables.flat(metrics) == [
        ("n all", "1,234"),
        ("share", "0.5"),
        ("ok", "True"),
        ("by, lane a", "1"),
        ("by, b, c", "\N{EN DASH}"),
    ]


def test_curves_of_one_kind_share_a_chart(tmp_path):
    rows = [(50, 0.9), (100, 0.4)]
    for name in ("loss_flow", "validation_loss_flow", "validation_ade_1s", "validation_ade_3s"):
        write_curve(tmp_path / f"{name}.tsv", ("step", name), rows)
    write_curve(tmp_path / "learning_rate.tsv", ("step", "learning_rate"), rows[:1])
    write_curve(tmp_path / "gradient_norm.tsv", ("step", "gradient_norm"), [(50, 0.0), (100, 1.0)])
    loss, ade, norm = map(str, report.training_charts(tmp_path))
    assert "flow matching, validation" in loss
    assert "ADE, validation [m]" in ade
    assert ">3s<" in ade
    assert "gradient norm" in norm

"""results/report.html: the whole evaluation on one page, in one file.

Everything is read from results/, params.yaml and dvc.lock; every picture is in the page, and
nothing is loaded from anywhere; a script in it plays the drives. The same inputs give the same
bytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from avvla.config import Params
from avvla.errors import UserError
from avvla.evaluation import pictures, replays, tables, timeline, verdict
from avvla.evaluation.charts import Line, line_chart
from avvla.evaluation.drive import Drive
from avvla.evaluation.drives import load_drives
from avvla.evaluation.examples import Example, load_examples
from avvla.evaluation.inputs import hashes, read_curve, read_metrics
from avvla.evaluation.names import AGENT, CONSTANT_VELOCITY, DRIVERS, EGO_STATE
from avvla.evaluation.open_loop import HORIZONS_S
from avvla.page import environment

TEMPLATES = Path(__file__).parent / "templates"
HORIZONS = ("1s", "3s", "6.4s")
CURVES: tuple[tuple[str, bool, dict[str, str]], ...] = (
    (
        "loss",
        True,
        {
            "loss_flow": "flow matching",
            "loss_trajectory": "path",
            "loss_temporal": "roughness",
            "validation_loss_flow": "flow matching, validation",
        },
    ),
    ("ADE, validation [m]", False, {f"validation_ade_{name}": name for name in HORIZONS}),
    ("FDE, validation [m]", False, {f"validation_fde_{name}": name for name in HORIZONS}),
    ("error, validation [m/s^2]", False, {"validation_acceleration_error": "acceleration"}),
    ("error, validation [1/m]", False, {"validation_curvature_error": "curvature"}),
    ("error, validation [units of the data]", False, {"validation_action_error": "action"}),
    ("gradient norm", True, {"gradient_norm": "gradient norm"}),
    ("learning rate", False, {"learning_rate": "learning rate"}),
)
"""Charts of the training: name, whether the axis is logarithmic, curves with their names."""
CHARTED = (AGENT, EGO_STATE, CONSTANT_VELOCITY)
DATA = {
    "fit_actions": "Actions fitted to the driven paths",
    "label": "Commands from the recordings",
    "build_dataset": "Training and validation samples",
}


@dataclass(frozen=True)
class Figure:
    """A picture as a `data:` address, perhaps a chart below it, and what is said about it."""

    uri: str
    caption: str
    good: bool | None = None
    chart: str = ""


def render(results: Path, params: Params, lock: Path) -> str:
    """The page.

    Args:
        results: folder of the stages' results; train's and evaluate's are needed.
        params: the parameters in force.
        lock: dvc.lock; the page has no hashes where there is none yet.

    Raises:
        UserError: results are missing or damaged.
    """
    evaluated = read_metrics(results / "evaluate/metrics.json")
    trained = read_metrics(results / "train/metrics.json")
    drives = load_drives(results / "evaluate/drives.npz")
    try:
        verdicts = verdict.judge(evaluated["closed_loop"]) if params.evaluate.roads else []
        open_loop = evaluated["open_loop"]
        context = {
            "headline": verdict.headline(verdicts),
            "sentences": verdict.sentences(verdicts, open_loop),
            "verdicts": verdicts,
            "open_loop": tables.open_loop(open_loop),
            "other_errors": tables.other_errors(open_loop),
            "bands": tables.bands(read_metrics(results / "evaluate/bands.json")),
            "comfort": tables.comfort(evaluated["comfort"]),
        }
    except KeyError as error:
        raise UserError(
            f"{results / 'evaluate/metrics.json'} has no {error}: run `dvc repro -f evaluate`"
        ) from None
    pages = environment(TEMPLATES)
    pages.filters |= {"metres": verdict.metres, "percent": verdict.percent}
    return pages.get_template("report.html.j2").render(
        **context,
        horizons=[f"{horizon:g} s" for horizon in HORIZONS_S],
        displacement=displacement_chart(results / "evaluate/plots/displacement.tsv"),
        curves=training_charts(results / "train/plots"),
        trained=tables.flat(trained),
        rides=[title for _, title in (*tables.RIDES, *tables.LATERALS)],
        examples=[
            example_figure(example, params)
            for example in load_examples(results / "evaluate/examples.npz")
        ],
        timeline=timeline_charts(results / "evaluate/timeline.parquet") if verdicts else [],
        families=drive_families(drives[AGENT], params) if verdicts else [],
        player=Markup((TEMPLATES / "replay.js").read_text()),
        data=[
            (title, tables.flat(read_metrics(results / stage / "metrics.json")))
            for stage, title in DATA.items()
            if (results / stage / "metrics.json").exists()
        ],
        params=tables.described(params),
        hashes=hashes(lock),
        roads=params.evaluate.roads,
        embedded=params.dataset.source == "synthetic",
    )


def displacement_chart(path: Path) -> Markup:
    """Mean distance from the driven path over time, of the drivers CHARTED."""
    columns = read_curve(path)
    time = columns.pop("time_s")
    lines = [
        Line(DRIVERS[driver], list(zip(time, values, strict=True)))
        for driver, values in columns.items()
        if driver in CHARTED
    ]
    return Markup(line_chart(lines, "time after t0 [s]", "distance [m]"))


def timeline_charts(path: Path) -> list[Markup]:
    """The strip of commands and interventions, then the charts below it."""
    ticks = timeline.read(path)
    return [Markup(timeline.strip(ticks)), *map(Markup, timeline.charts(ticks))]


def training_charts(folder: Path) -> list[Markup]:
    """The charts of CURVES, each with those of its curves that have more than one point."""
    charts = []
    for label, log, names in CURVES:
        lines = []
        for stem, name in names.items():
            path = folder / f"{stem}.tsv"
            columns = read_curve(path) if path.is_file() else {"step": ()}
            if len(columns["step"]) > 1:
                lines.append(Line(name, list(zip(columns["step"], columns[stem], strict=True))))
        if lines:
            positive = all(value > 0 for line in lines for _, value in line.points)
            chart = line_chart(lines, "optimiser step", label, log=log and positive)
            charts.append(Markup(chart))
    return charts


def example_figure(example: Example, params: Params) -> Figure:
    """A validation sample: what the policy saw, and plan and driven path from above."""
    image = example.image
    if params.dataset.source == "synthetic":
        image = pictures.camera_picture(example, params.build, params.dataset.synthetic)
    paths = [
        Line(name, [(0.0, 0.0), *((float(x), float(y)) for x, y in path)])
        for name, path in (("plan", example.planned), ("driven", example.recorded))
    ]
    return Figure(
        uri=pictures.jpeg_uri(image),
        caption=f"{example.rank.capitalize()}: ADE {example.ade_m:.2f} m, “{example.command}”",
        chart=Markup(line_chart(paths, "forward [m]", "left [m]")),
    )


@dataclass(frozen=True)
class Family:
    """A family's drives: the worst and the best as pictures, and those that are played."""

    aim: verdict.Aim
    figures: list[Figure]
    labels: list[tuple[str, bool]]
    """Name and success of each that is played."""
    replays: Markup
    """Their data as JSON."""


def drive_families(drives: Sequence[Drive], params: Params) -> list[Family]:
    """The families of AIMS, those with most failures first; of each all failures and the best."""
    families = []
    for family, aim in verdict.AIMS.items():
        ordered = worst_first([drive for drive in drives if drive.family == family])
        chosen = [drive for drive in ordered[:-1] if not drive.success] + ordered[-1:]
        synthetic = params.dataset.synthetic
        played = [replays.data(drive, told(drive), synthetic) for drive in chosen]
        pair = ordered if len(ordered) < 2 else [ordered[0], ordered[-1]]
        families.append(
            Family(
                aim,
                [_drive_figure(drive, params) for drive in pair],
                [(one["label"], one["good"]) for one in played],
                _json(played),
            )
        )
    return sorted(families, key=lambda family: -sum(not good for _, good in family.labels))


def _json(value: Any) -> Markup:
    """JSON that no text in it can end."""
    return Markup(json.dumps(value, separators=(",", ":")).replace("<", "\\u003c"))


def worst_first(drives: Sequence[Drive]) -> list[Drive]:
    """From the worst to the best drive.

    Failures are worse than successes, among them collisions worse than leaving the road and that
    worse than missing the aim; equals are ordered by their mean distance from the lane's centre.
    """

    def badness(drive: Drive) -> tuple[bool, bool, bool, float, int]:
        offset = float(np.abs(drive.offset).mean())
        return not drive.success, drive.collided, drive.off_road, offset, -drive.seed

    return sorted(drives, key=badness, reverse=True)


def told(drive: Drive) -> str:
    """What became of a drive."""
    lasted = drive.lasted_s
    offset = np.abs(drive.offset)
    if drive.collided:
        end = f"hit another vehicle after {lasted:.1f} s"
    elif drive.off_road:
        end = f"left the road after {lasted:.1f} s"
    else:
        end = f"{'succeeded' if drive.success else 'missed its aim'}, {lasted:.1f} s driven"
    return (
        f"Road {drive.seed}: {end}; {offset.mean():.2f} m from the lane's centre on average, "
        f"{offset.max():.2f} m at most"
    )


def _drive_figure(drive: Drive, params: Params) -> Figure:
    image = pictures.drive_picture(drive, params.dataset.synthetic)
    return Figure(pictures.png_uri(image), told(drive), drive.success)

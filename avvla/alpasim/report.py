"""The result of a run on one page, in one file: no number without what it is a number of.

Everything comes from metrics.json; nothing is loaded from anywhere. The same metrics give the same
bytes.
"""

from __future__ import annotations

from pathlib import Path

from avvla.alpasim.meanings import meaning, place
from avvla.alpasim.metrics import Metrics
from avvla.page import environment

TEMPLATES = Path(__file__).parent / "templates"
ABSENT = "\N{EN DASH}"


def render(made: Metrics) -> str:
    """The page of a run."""
    return (
        environment(TEMPLATES)
        .get_template("report.html.j2")
        .render(
            run=made.run,
            alpasim=made.alpasim,
            scenes=made.scenes,
            score=made.score,
            headline=f"{made.score.name} {number(made.score.value)}",
            of=what(made),
            metrics=[
                (
                    name,
                    number(made.metrics[name].value),
                    number(made.metrics[name].std_over_rollouts),
                    *meaning(name),
                )
                for name in sorted(made.metrics, key=place)
            ],
            violations=[
                (
                    found,
                    [
                        (name, number(found.metrics[name]), *meaning(name))
                        for name in sorted(found.metrics, key=place)
                    ],
                )
                for found in made.violations
            ],
        )
    )


def what(made: Metrics) -> str:
    """What the numbers of a run are numbers of."""
    scenes, steps = made.scenes, made.scenes.n_sim_steps
    told = str(steps) if isinstance(steps, int) else " or ".join(map(str, steps))
    return (
        f"Alpasim {made.alpasim.version}, {scenes.suite}: {scenes.count} scenes,"
        f" {scenes.rollouts.evaluated} rollouts of {told} steps"
    )


def number(value: float | None) -> str:
    """Four digits; a dash where there is none."""
    return ABSENT if value is None else f"{value:.4g}"

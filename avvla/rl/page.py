"""What was learned as one self-contained page: curve, table, configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import yaml

from avvla.evaluation.charts import STYLE, Line, chart_file, line_chart
from avvla.rl.reading import plain_of
from avvla.rl.settings import Settings

Point = tuple[int, float]
FIGURES = ("return", "way_m", "length", "success", "collision", "off_road", "heading_deviation_rad")


def curve(returns: Sequence[Point], chance: float) -> str:
    """Mean return over environment steps as an SVG file, with that of chance beside it."""
    return chart_file(_chart(returns, chance))


def page(
    settings: Settings, found: Mapping[int, Mapping[str, Any]], chance: Mapping[str, Any]
) -> str:
    """The page.

    Args:
        settings: of the training.
        found: by environment steps, the figures of `avvla.rl.evaluation.evaluate`.
        chance: the same of actions by chance.
    """
    returns = [(step, float(row["return"])) for step, row in found.items()]
    rows = [*((f"{step} steps", row) for step, row in found.items()), ("chance", chance)]
    head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in FIGURES if name in chance)
    body = "".join(
        f"<tr><th>{name}</th>"
        + "".join(f"<td>{row[figure]:.3g}</td>" for figure in FIGURES if figure in chance)
        + "</tr>"
        for name, row in rows
    )
    told = escape(yaml.safe_dump(plain_of(settings), sort_keys=False, width=100))
    return (
        '<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Reinforcement learning</title><style>{STYLE}"
        "body { font-family: sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }"
        "td, th { padding: .2rem .6rem; text-align: right } svg { max-width: 46rem }</style>\n"
        f"<h1>Reinforcement learning</h1>\n<p>{escape(settings.experiment.path)} by"
        f" {settings.learn.algorithm.upper()} in the {settings.world.backend} world:"
        f" means of {chance['n']} unseen roads, without exploration.</p>\n"
        f"{_chart(returns, float(chance['return']))}\n"
        f"<table><tr><th></th>{head}</tr>{body}</table>\n"
        f"<h2>Configuration</h2>\n<pre>{told}</pre></html>\n"
    )


def _chart(returns: Sequence[Point], chance: float) -> str:
    ends = (returns[0][0], returns[-1][0])
    lines = [Line("trained", returns), Line("chance", [(step, chance) for step in ends])]
    return line_chart(lines, "environment steps", "mean return of an episode")

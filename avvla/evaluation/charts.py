"""Line charts as inline SVG: nothing from outside, the same bytes each time.

The drawing is 460 x 260 units and scales with its container, so that text stays readable on a
phone. Every curve has its own dash besides its colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 460, 260
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 30, 44
LEGEND, LETTER = 18, 6.4  # height of the legend's row, width of a letter in it
STEPS = (1.0, 2.0, 5.0, 10.0)
# Okabe and Ito's colours, told apart with any colour vision, darkened for lines on white.
COLOURS = ("#0b62a8", "#c2530a", "#6b7280", "#00795c", "#a8478a")
DASHES = ("", "7 4", "2 4", "10 3 2 3", "1 3")
COLUMNS, TITLE_HEIGHT, GAP = 3, 34, 16  # of a sheet
STYLE = (
    "text { font-family: sans-serif; font-size: 12px; fill: #4b5563 } "
    ".name, .title { fill: #111827; font-weight: 600 } .title { font-size: 14px } "
    ".grid { stroke: #e5e7eb }"
)


@dataclass(frozen=True)
class Line:
    """One curve: its name and its points (x, y)."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class _Axis:
    """A value axis laid over `begin` to `end` units of the drawing, linear or logarithmic."""

    low: float
    high: float
    begin: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        low, high, here = self.low, self.high, value
        if self.log:
            low, high, here = (math.log10(number) for number in (low, high, value))
        return self.begin + (here - low) / (high - low) * (self.end - self.begin)

    def ticks(self) -> list[float]:
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            ticks = [step * 10.0**decade for decade in decades for step in STEPS[:3]]
        else:
            step = _step((self.high - self.low) / 4)
            first = math.ceil(self.low / step - 1e-9)
            last = math.floor(self.high / step + 1e-9)
            ticks = [index * step for index in range(first, last + 1)]
        return [tick for tick in ticks if self.low * (1 - 1e-9) - 1e-12 <= tick <= self.high]


def line_chart(lines: Sequence[Line], x_label: str, y_label: str, *, log: bool = False) -> str:
    """An SVG element with the curves and their legend.

    Args:
        lines: curves with at least one point among them.
        x_label: quantity and unit below the chart.
        y_label: quantity and unit above the value axis.
        log: logarithmic values; they are positive then.
    """
    x, y = _axes(lines, log)
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(y_label)} over {escape(x_label)}">'
    ]
    parts += [_row(y, tick) for tick in y.ticks()]
    parts += [_column(x, tick) for tick in x.ticks()]
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, "middle", x_label))
    parts.append(_text(4, 12, "start", y_label, "name"))
    for index, line in enumerate(lines):
        points = " ".join(f"{x.at(px):.1f},{y.at(py):.1f}" for px, py in line.points)
        parts.append(f'<polyline points="{points}" {_stroke(index)}/>')
    parts += _legend([line.name for line in lines] if len(lines) > 1 else [])
    return "".join([*parts, "</svg>"])


def chart_file(chart: str) -> str:
    """A chart as an SVG file of its own."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}">'
        f'<style>{STYLE}</style><rect width="100%" height="100%" fill="#ffffff"/>{chart}</svg>\n'
    )


def chart_sheet(rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    """An SVG file with a row of at most three charts under each title."""
    row_height = TITLE_HEIGHT + HEIGHT
    width, height = COLUMNS * WIDTH + 2 * GAP, max(len(rows), 1) * (row_height + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for row, (title, charts) in enumerate(rows):
        top = row * (row_height + GAP)
        parts.append(f'<text class="title" x="8" y="{top + 20}">{escape(title)}</text>')
        for column, chart in enumerate(charts):
            place = f"translate({column * (WIDTH + GAP)} {top + TITLE_HEIGHT})"
            sized = chart.replace("<svg ", f'<svg width="{WIDTH}" height="{HEIGHT}" ', 1)
            parts.append(f'<g transform="{place}">{sized}</g>')
    return "\n".join([*parts, "</svg>\n"])


def _axes(lines: Sequence[Line], log: bool) -> tuple[_Axis, _Axis]:
    """Axes around all points; a linear value axis begins at 0 where values are not negative."""
    xs = [point[0] for line in lines for point in line.points]
    ys = [point[1] for line in lines for point in line.points]
    low, high = min(ys), max(ys)
    if log:
        low, high = low / 1.1, high * 1.1
    else:
        low, margin = min(low, 0.0), 0.05 * (high - min(low, 0.0))
        low, high = low - (margin if low < 0 else 0.0), high + (margin or 1.0)
    right = max(xs) if max(xs) > min(xs) else min(xs) + 1.0
    return (
        _Axis(min(xs), right, LEFT, WIDTH - RIGHT),
        _Axis(low, high, HEIGHT - BOTTOM, TOP + (LEGEND if len(lines) > 1 else 0), log),
    )


def _step(least: float) -> float:
    """The smallest of 1, 2 or 5 times a power of ten that is no less than `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in STEPS if step * power >= least * (1 - 1e-9))


def _row(axis: _Axis, tick: float) -> str:
    at = axis.at(tick)
    line = f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
    return line + _text(LEFT - 7, at + 4, "end", f"{tick:g}")


def _column(axis: _Axis, tick: float) -> str:
    return _text(axis.at(tick), HEIGHT - BOTTOM + 17, "middle", f"{tick:g}")


def _legend(names: Sequence[str]) -> list[str]:
    """Names from right to left below the value axis's name."""
    parts, right, y = [], float(WIDTH - RIGHT), 12 + LEGEND
    for index in reversed(range(len(names))):
        begin = right - LETTER * len(names[index])
        parts.append(
            f'<line x1="{begin - 24:.1f}" x2="{begin - 5:.1f}" y1="{y - 4}" y2="{y - 4}"'
            f" {_stroke(index)}/>"
        )
        parts.append(_text(right, y, "end", names[index]))
        right = begin - 36
    return parts


def _stroke(index: int) -> str:
    dash = DASHES[index % len(DASHES)]
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'fill="none" stroke="{COLOURS[index % len(COLOURS)]}" stroke-width="2"{dashed}'


def _text(x: float, y: float, anchor: str, text: str, kind: str = "tick") -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
    )

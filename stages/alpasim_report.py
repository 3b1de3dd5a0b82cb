"""results/alpasim/metrics.json -> results/alpasim/report.html."""

from __future__ import annotations

from _alpasim import RESULT, read
from _run import run

from avvla.alpasim.metrics import read_metrics
from avvla.alpasim.report import render
from avvla.config.alpasim import AlpasimParams
from avvla.results import write_text


def alpasim_report(_: AlpasimParams) -> None:
    write_text(RESULT.with_name("report.html"), render(read_metrics(RESULT)))


if __name__ == "__main__":
    run(alpasim_report, read)

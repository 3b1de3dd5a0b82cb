"""results/*, params.yaml -> results/report.html."""

from __future__ import annotations

from pathlib import Path

from _run import run

from avvla.config import Params
from avvla.evaluation.report import render
from avvla.results import write_text

RESULTS = Path("results")


def report(params: Params) -> None:
    write_text(RESULTS / "report.html", render(RESULTS, params, Path("dvc.lock")))


if __name__ == "__main__":
    run(report)

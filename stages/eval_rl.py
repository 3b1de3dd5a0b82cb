"""models/rl -> results/rl/eval: figures, curve and page of the drivers on unseen roads."""

from __future__ import annotations

import torch
from _rl import DRIVERS, RESULTS, read
from _run import run

from avvla import host
from avvla.results import write_curve, write_metrics, write_text
from avvla.rl.driver import load_driver
from avvla.rl.evaluation import baseline, evaluate
from avvla.rl.page import curve, page
from avvla.rl.settings import Settings


def eval_rl(settings: Settings) -> None:
    torch.set_num_threads(1)
    found = {
        int(folder.name): evaluate(settings, load_driver(folder, host.device())[1])
        for folder in sorted(DRIVERS.iterdir())
    }
    chance = baseline(settings)
    last = max(found)
    metrics = {**found[last], "steps": last, "chance": chance}
    write_metrics(RESULTS / "eval/metrics.json", metrics)
    columns = ("step", "return", "success", "collision", "off_road")
    rows = [(step, *(row[name] for name in columns[1:])) for step, row in found.items()]
    write_curve(RESULTS / "eval/plots/return.tsv", columns, rows)
    returns = [(step, row["return"]) for step, row in found.items()]
    write_text(RESULTS / "eval/return.svg", curve(returns, chance["return"]))
    write_text(RESULTS / "eval/report.html", page(settings, found, chance))


if __name__ == "__main__":
    run(eval_rl, read)

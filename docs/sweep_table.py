"""Print finished DVC experiments as a table, means over training seeds.

    python docs/sweep_table.py base chunk16 chunk32 ...

An experiment belongs to a row by its name: the row's, then the seed, with or without `_` between.
"""

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

METRICS = "results/evaluate/metrics.json"


def git(*arguments: str) -> str:
    """What git prints."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def experiments() -> dict[str, dict[str, Mapping[str, Any]]]:
    """Row -> seed -> the metrics of its experiment."""
    found: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for ref in git("for-each-ref", "--format=%(refname)", "refs/exps").split():
        name = re.fullmatch(r"(.*?)_?(\d)", ref.rpartition("/")[2])
        if name and not ref.startswith("refs/exps/celery"):
            found[name[1]][name[2]] = json.loads(git("show", f"{ref}:{METRICS}"))
    return found


def main() -> None:
    every = experiments()
    families = list(next(iter(every["base"].values()))["closed_loop"]["families"])
    columns = ["seeds", "ADE [m]", "FDE [m]", *families, "mean"]
    print("| | " + " | ".join(columns) + " |\n" + "|---" * (len(columns) + 1) + "|")
    for row in sys.argv[1:]:
        runs = every[row].values()
        success = np.array(
            [[run["closed_loop"]["families"][name]["success"] for name in families] for run in runs]
        )
        cells = [f"{len(success)}"]
        for name in ("ade_6.4s", "fde_6.4s"):
            cells.append(f"{np.mean([run['open_loop'][name] for run in runs]):.2f}")
        cells += [f"{rate:.2f}" for rate in success.mean(0)] + [f"{success.mean():.3f}"]
        print(f"| {row} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()

"""PDM scores: time of one scene with one plan, and of 64 plans at once.

The devkit cannot be installed beside this project, so the reference is a time that was measured for
it elsewhere: 155 ms a scene, scene cached, human filter included. Ours is for the same work: a
prepared scene, the plan tracked and scored. `--cases` names a file of scenes; else one is made
here, with eight agents close by.

    OMP_NUM_THREADS=1 python bench/pdm.py [--cases scene_inputs.json]
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/evaluation/pdm"))

from scene_factory import agent, scene

from avvla.evaluation.pdm.case import Scene, checked
from avvla.evaluation.pdm.scores import Scorer

DEVKIT_MS = 155.0
MANY, ROUNDS = 64, 5


def scenes(path: Path | None) -> list[Scene]:
    if path is None:
        around = [agent(12.0 + 9 * i, 3.4 * (i % 2), 6.0 + i, token=str(i)) for i in range(8)]
        return [checked(Scene, scene(agents=around))]
    return [checked(Scene, case) for case in json.loads(path.read_text())["cases"]]


def milliseconds(work: object, *arguments: object) -> float:
    begin = time.perf_counter()
    work(*arguments)  # type: ignore[operator]
    return (time.perf_counter() - begin) * 1000


def varied(made: Scene) -> np.ndarray:
    """(64, n, 3) plans around the scene's own: other speeds, turned a little."""
    rng = np.random.default_rng(5)
    plans = np.repeat(made.prediction.array()[None], MANY, 0)
    plans[..., :2] *= rng.uniform(0.7, 1.1, (MANY, 1, 1))
    plans[..., 1] += rng.normal(0, 0.02, (MANY, 1)) * plans[..., 0]
    return plans


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=Path)
    figures: dict[str, float] = {}
    given = scenes(parser.parse_args().cases)
    for variant in ("pdms_v1.1", "epdms_v2.2"):
        prepare, one, many = [], [], []
        for made in given:
            prepare.append(milliseconds(Scorer, made, variant))
            scorer, plans = Scorer(made, variant), varied(made)
            for _ in range(ROUNDS):
                one.append(milliseconds(scorer.score, made.prediction))
                many.append(milliseconds(scorer.score, plans, made.prediction.interval_s) / MANY)
        first, alone, each = (statistics.median(times) for times in (prepare, one, many))
        print(
            f"{variant:<11} prepare {first:6.2f} ms  one plan {alone:6.2f} ms"
            f"  of {MANY} plans each {each:6.3f} ms"
        )
        figures[f"{variant}_one_ms"] = statistics.median(one)
        figures[f"{variant}_of_{MANY}_ms"] = statistics.median(many)
    figures["ratio"] = DEVKIT_MS / figures["epdms_v2.2_one_ms"]
    figures[f"ratio_of_{MANY}"] = DEVKIT_MS / figures[f"epdms_v2.2_of_{MANY}_ms"]
    print(json.dumps(figures, sort_keys=True))


if __name__ == "__main__":
    main()

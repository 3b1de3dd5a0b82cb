"""The Field Agent's loop in closed loop: latencies, rates of the Commander, a Commander that lies.

    python bench/agent.py latency --roads 20
    python bench/agent.py commander --roads 20
    python bench/agent.py wall --minutes 10

`latency` and `commander` run on the virtual clock and repeat to the digit; `wall` measures this
machine. Families and judgement are those of the evaluation; a drive has the plan of every tick.
"""

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from avvla import host
from avvla.agent import virtual, wall
from avvla.agent.commander import Commander, Fixed, Given, Wrong
from avvla.agent.loop import Loop, Settings, Tick
from avvla.agent.place import EmbeddedPlace, Tour
from avvla.agent.virtual import Times
from avvla.cluster.chunk_map import map_chunks
from avvla.evaluation.closed_loop import MANOEUVRE_S, Trace
from avvla.evaluation.drive import Drive, road_key
from avvla.evaluation.judges import JUDGED, judged
from avvla.params import load_params
from avvla.physical_ai.camera import Crop
from avvla.policy.driver import FieldAgent
from avvla.world.embedded import EmbeddedWorld
from avvla.world.gym_env import COMMANDS
from avvla.world.recording import synthetic_camera
from avvla.world.scenario import PLAYED_KEY, draw_scenario

COMMANDERS: dict[str, Callable[[int], Commander]] = {
    "honest": lambda seed: Given(),
    "off": lambda seed: Fixed(),
    "adversarial": lambda seed: Wrong(COMMANDS, seed),
}


def place_of(family: str, key: tuple[int, int]) -> EmbeddedPlace:
    """A road of a family."""
    params = load_params()
    synthetic = params.dataset.synthetic
    world = EmbeddedWorld(synthetic_camera(synthetic), synthetic.randomisation)
    world.reset(draw_scenario(family, *key), *key)
    return EmbeddedPlace(world, Crop.of(params.build), params.build.image_size)


def drives(
    checkpoint: Path, settings: Settings, times: Times, commander: str, roads: int, family: str
) -> tuple[list[Drive], int, int]:
    """The drives of a family, their ticks and those with an intervention."""
    torch.set_num_threads(1)
    agent = FieldAgent(checkpoint, "cpu")
    places = [place_of(family, road_key(seed)) for seed in range(roads)]
    traces = [Trace(place.world) for place in places]
    ticks: list[Tick] = []

    def note(index: int, tick: Tick) -> None:
        ticks.append(tick)
        traces[index].add()

    virtual.run(
        places,
        [Loop(settings) for _ in places],
        agent,
        round(MANOEUVRE_S * 10),
        times=times,
        commanders=[COMMANDERS[commander](seed) for seed in range(roads)],
        note=note,
    )
    done = [
        judged(trace.drive(family, seed), place.world.scenario)
        for seed, (trace, place) in enumerate(zip(traces, places, strict=True))
    ]
    return done, len(ticks), sum(bool(tick.reasons) for tick in ticks)


def one(checkpoint: Path, roads: int, runs: list[tuple], index: int) -> tuple:
    """One run of the table, in a process."""
    os.environ["TQDM_DISABLE"] = "1"
    settings, times, commander, family = runs[index]
    return drives(checkpoint, settings, times, commander, roads, family)


def table(checkpoint: Path, roads: int, rows: dict[str, tuple[Settings, tuple, str]]) -> None:
    """Print success, collisions, off road and interventions of each row over all families."""
    runs = [
        (settings, times, commander, family)
        for settings, times, commander in rows.values()
        for family in JUDGED
    ]
    runs = [(s, Delay(*t).times(), c, f) for s, t, c, f in runs]
    done = map_chunks(
        partial(one, checkpoint, roads, runs), range(len(runs)), host.workers(), "drive"
    )
    print("| run | success | collision | off road | overridden ticks |\n|---|---|---|---|---|")
    for place, name in enumerate(rows):
        mine = done[place * len(JUDGED) : (place + 1) * len(JUDGED)]
        listed = [drive for part, _, _ in mine for drive in part]
        share = sum(held for _, _, held in mine) / max(sum(ticks for _, ticks, _ in mine), 1)
        rates = (
            np.mean([getattr(drive, field) for drive in listed])
            for field in ("success", "collided", "off_road")
        )
        print(f"| {name} | " + " | ".join(f"{rate:.3f}" for rate in (*rates, share)) + " |")


class Delay:
    """A latency that can be sent to another process."""

    def __init__(self, plan_s: float, command_every_s: float, command_s: float) -> None:
        self.plan_s, self.every_s, self.command_s = plan_s, command_every_s, command_s

    def __call__(self, tick: int) -> float:
        """The same at every tick."""
        return self.plan_s

    def times(self) -> Times:
        """As the virtual clock takes it."""
        return Times(self, self.every_s, self.command_s)


def latency(arguments: argparse.Namespace) -> None:
    """Plan latencies and Commander rates, without and with the override."""
    rows = {}
    for plan_ms in (0, 20, 100, 200, 400):
        rows[f"plan {plan_ms} ms"] = (
            Settings(override=False), (plan_ms / 1e3, 0.1, 0.0), "honest",
        )  # fmt: skip
    rows["plan 100 ms, chunking"] = (
        Settings(override=False, chunking=True), (0.1, 0.1, 0.0), "honest",
    )  # fmt: skip
    for rate in (0.2, 1.0, 2.0):
        rows[f"plan 100 ms, Commander {rate:g} Hz"] = (
            Settings(override=False), (0.1, 1 / rate, 0.5 / rate), "honest",
        )  # fmt: skip
    table(arguments.checkpoint, arguments.roads, rows)


def commander(arguments: argparse.Namespace) -> None:
    """Commanders that are honest, silent and lying, with and without the override."""
    rows = {}
    for name in COMMANDERS:
        for override in (True, False):
            label = f"{name}, {'with' if override else 'without'} override"
            rows[label] = (Settings(override=override), (0.1, 1.0, 0.2), name)
    table(arguments.checkpoint, arguments.roads, rows)


def on_the_wall(arguments: argparse.Namespace) -> None:
    """10 Hz in real time: late ticks, and memory at the begin and at the end."""
    torch.set_num_threads(1)
    agent = FieldAgent(arguments.checkpoint, host.device())
    tour = Tour(lambda index: place_of("lane_keeping", (PLAYED_KEY, index)))
    ticks = round(arguments.minutes * 600)
    seen: list[tuple[float, float]] = []
    progress = tqdm(total=ticks, unit="tick", mininterval=10)

    def note(tick: Tick) -> None:
        progress.update()
        seen.append((tick.latency_s, tick.plan_age_s))
        if len(seen) in (ticks // 10, ticks - 1):
            memory.append(resident_mb())

    memory: list[float] = []
    kept = wall.run(tour, Loop(Settings()), agent, Given(), ticks, note=note)
    progress.close()
    latency_ms, age_ms = np.array(seen[10:]).T * 1e3
    print(f"{kept.ticks} ticks on {tour.roads} roads; late: {kept.late}")
    print(f"on time: {100 * (1 - kept.late / kept.ticks):.2f} %, worst {kept.worst_s * 1e3:.1f} ms")
    for name, values in (("latency", latency_ms), ("plan age", age_ms)):
        middle, high = np.nanpercentile(values, (50, 99))
        print(f"{name}: p50 {middle:.1f} ms, p99 {high:.1f} ms")
    print("resident memory: " + ", ".join(f"{size:.0f} MB" for size in memory))


def resident_mb() -> float:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("latency", "commander", "wall"))
    parser.add_argument("--checkpoint", type=Path, default=Path("models/field_agent"))
    parser.add_argument("--roads", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10.0)
    arguments = parser.parse_args()
    {"latency": latency, "commander": commander, "wall": on_the_wall}[arguments.what](arguments)


if __name__ == "__main__":
    sys.exit(main())

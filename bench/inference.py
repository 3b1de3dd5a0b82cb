"""Speed of fast inference against LeRobot's SmolVLA in the same process, and how far plans differ.

.venv/bin/python bench/inference.py [--threads 1] [--full] [--rounds 25] [--profile]

The tiny policy is the default embedded one; `--full` adds the architecture of the 450M hub model
with drawn weights, which takes 5.5 GB of memory. Contestants take turns, and every figure is the
median of its rounds, so that the load of the machine falls on all alike. LeRobot is timed in
`select_action` with an empty queue. `ratio` is LeRobot's time over that of fast inference for the
tiny policy as it drives, two flow steps each.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--threads", type=int, default=1, help="threads of torch")
parser.add_argument("--full", action="store_true", help="the 450M architecture too")
parser.add_argument("--rounds", type=int, default=25, help="of the tiny policy")
parser.add_argument("--full-rounds", type=int, default=5, help="of the 450M architecture")
parser.add_argument("--profile", action="store_true", help="where the time of a plan goes")
ARGUMENTS = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(ARGUMENTS.threads)  # read when torch is imported

import torch  # noqa: E402
from full_smolvla import full_smolvla  # noqa: E402
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy  # noqa: E402
from torch import Tensor  # noqa: E402

from avvla.config import Params  # noqa: E402
from avvla.policy.checkpoint import make_field_agent  # noqa: E402
from avvla.policy.inference import InferenceEngine  # noqa: E402

Batch = dict[str, Tensor]
COMMAND_TOKENS = 8


def main() -> None:
    torch.set_num_threads(ARGUMENTS.threads)
    print(f"{ARGUMENTS.threads} threads of {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print(f"{'policy':<9}{'flow steps':>11}  {'contestant':<22}{'ms':>9}{'CPU ms':>9}", end="")
    print(f"{'ratio':>8}{'difference':>12}")
    figures = {"threads": ARGUMENTS.threads}
    tiny = make_field_agent(Params(), "cpu").eval()
    figures["tiny"] = compare("tiny", tiny, (2, 10), ARGUMENTS.rounds)
    if ARGUMENTS.full:
        with TemporaryDirectory() as folder:
            full = full_smolvla(Path(folder))
        figures["parameters"] = sum(weight.numel() for weight in full.parameters())
        figures["full"] = compare("full", full, (10, 2), ARGUMENTS.full_rounds)
        figures["peak_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 1)
    print(f"\nload {os.getloadavg()[0]:.1f}")
    print(json.dumps({**figures, "ratio": figures["tiny"]["2"]["float32"]["ratio"]}))


def compare(
    name: str, policy: SmolVLAPolicy, counts: tuple[int, ...], rounds: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Figures by number of flow steps and contestant; differences are in network units."""
    batch, noise = observation(policy)
    engines = {
        "float32": InferenceEngine(policy),
        "bfloat16": InferenceEngine(policy, dtype=torch.bfloat16),
    }

    def lerobot(steps: int) -> Tensor:
        policy.config.num_steps = steps
        policy.reset()
        return policy.select_action(dict(batch), noise=noise)

    table: dict[str, dict[str, dict[str, float]]] = {}
    for steps in counts:
        contestants: dict[str, Callable[[], Tensor]] = {"lerobot": lambda n=steps: lerobot(n)}
        for label, engine in engines.items():
            contestants[label] = lambda e=engine, n=steps: e.actions(batch, noise, n)
        times = take_turns(contestants, rounds)
        policy.config.num_steps = steps
        expected = policy.predict_action_chunk(dict(batch), noise=noise)
        rows = {}
        for label, (wall_s, cpu_s) in times.items():
            row = {"ms": round(1e3 * wall_s, 2), "cpu_ms": round(1e3 * cpu_s, 2)}
            if label != "lerobot":
                row["ratio"] = round(times["lerobot"][0] / wall_s, 2)
                actions = engines[label].actions(batch, noise, steps)
                row["difference"] = float(f"{(actions - expected).abs().max():.1e}")
            rows[label] = row
            columns = f"{row['ms']:>9.1f}{row['cpu_ms']:>9.1f}{row.get('ratio', 1.0):>8.2f}"
            apart = f"{row.get('difference', 0.0):>12.1e}"
            print(f"{name:<9}{steps:>11}  {label:<22}{columns}{apart}", flush=True)
        table[str(steps)] = rows
    if ARGUMENTS.profile:
        print(f"\n{name}, LeRobot, {counts[-1]} flow steps")
        profile(lambda: lerobot(counts[-1]))
        print(f"\n{name}, float32, {counts[-1]} flow steps")
        profile(lambda: engines["float32"].actions(batch, noise, counts[-1]))
    return table


def observation(policy: SmolVLAPolicy) -> tuple[Batch, Tensor]:
    """A preprocessed batch of one, and noise."""
    draw = torch.Generator().manual_seed(0)
    config = policy.config
    batch = {
        name: torch.rand(1, *camera.shape, generator=draw)
        for name, camera in config.image_features.items()
    }
    batch |= {
        "observation.state": torch.randn(1, 2, generator=draw),
        "observation.language.tokens": torch.randint(0, 300, (1, COMMAND_TOKENS), generator=draw),
        "observation.language.attention_mask": torch.ones(1, COMMAND_TOKENS, dtype=torch.bool),
    }
    return batch, torch.randn(1, config.chunk_size, config.max_action_dim, generator=draw)


def take_turns(
    contestants: dict[str, Callable[[], Tensor]], rounds: int
) -> dict[str, tuple[float, float]]:
    """Median wall and processor time of each [s]; a first round warms up."""
    seen: dict[str, list[tuple[float, float]]] = {label: [] for label in contestants}
    for turn in range(rounds + 1):
        for label, run in contestants.items():
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            run()
            if turn:
                took = time.perf_counter() - wall_s, time.process_time() - cpu_s
                seen[label].append(took)
    return {
        label: tuple(statistics.median(column) for column in zip(*taken, strict=True))
        for label, taken in seen.items()
    }


def profile(run: Callable[[], Tensor]) -> None:
    """Print the operations that take most of the time."""
    run()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as record:
        run()
    table = record.key_averages()
    total = sum(row.self_cpu_time_total for row in table)
    for row in sorted(table, key=lambda row: -row.self_cpu_time_total)[:12]:
        share = row.self_cpu_time_total / total
        print(f"{row.key:<48}{row.count:>7}{row.self_cpu_time_total / 1e3:>10.1f} ms{share:>7.1%}")


if __name__ == "__main__":
    main()

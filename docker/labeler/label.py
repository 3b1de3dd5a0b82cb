"""Label windows of clips with Alpamayo: a Chain-of-Causation text for every (clip, t0).

    label.py --tree SNAPSHOT --windows windows.parquet --output DIR
             --model nvidia/Alpamayo-R1-10B --revision <40 hex> [--shard i/n]

Stands alone, without avvla: Alpamayo needs torch 2.8 and transformers 4.57, avvla later ones, so
the two share files and no environment (`texts.py` has their format). Nothing is fetched: the hub is
offline, weights and clips are there before.

A clip that is done is not made again, so the same command goes on after any end. The texts of a t0
depend on --seed, the clip and the t0 alone, not on the shard. A clip that cannot be read is named,
the others are labelled, and the exit code is 1. Exit codes: 0 all done, 1 bad input or clips that
could not be read, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alpamayo import RELEASES, Alpamayo, load, open_tree
from texts import LabelError, Texts, Windows, line_of, read_windows


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; its exit code."""
    # Read by huggingface_hub when it is imported, which `load` and `open_tree` do.
    os.environ["HF_HUB_OFFLINE"] = "1"
    arguments = _parser().parse_args(argv)
    try:
        return run(arguments)
    except LabelError as error:
        print(f"label.py: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"label.py: {line_of(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def run(arguments: argparse.Namespace) -> int:
    """Label the clips of one shard, then write the tables of the chunks that are complete.

    Raises:
        LabelError: bad input.
    """
    shard, shards = arguments.shard
    windows = read_windows(arguments.windows)
    mine = share(windows, shard, shards)
    settings = {
        "model": arguments.model,
        "model_revision": arguments.revision,
        "quantise": arguments.quantise,
        "samples": arguments.samples,
        "seed": arguments.seed,
        "data_revision": arguments.tree.name,
    }
    texts = Texts(arguments.output, settings)
    waiting = {clip: times for clip, times in mine.items() if not texts.is_done(clip, times)}
    texts.merge(windows)
    figures: dict[str, Any] = {"kept": len(mine) - len(waiting), "time_s": {}, "failed": {}}
    if waiting:
        tree, started_s = open_tree(arguments.tree), time.perf_counter()
        model = load(arguments.model, arguments.revision, arguments.quantise, arguments.device)
        figures["load_s"] = round(time.perf_counter() - started_s, 3)
        for number, (clip, times) in enumerate(waiting.items(), 1):
            problem = _label(texts, model, tree, clip, times, arguments)
            if isinstance(problem, str):
                figures["failed"][clip] = problem
                print(f"label.py: clip {clip}: {problem}", file=sys.stderr)
            else:
                figures["time_s"][clip] = problem
            print(f"{number} of {len(waiting)} clips, {clip}", flush=True)
    figures |= _memory(arguments.device)
    still_open = texts.merge(windows)
    name = f"summary_{shard:04d}_of_{shards:04d}.json"
    path = texts.summarise(name, figures | settings)
    print(told(figures, still_open, path))
    return 1 if figures["failed"] else 0


def share(windows: Windows, shard: int, shards: int) -> dict[str, tuple[int, ...]]:
    """The clips of shard 1..shards with their t0: every `shards`-th, by chunk and clip."""
    clips = [item for of_chunk in windows.values() for item in of_chunk.items()]
    return dict(clips[shard - 1 :: shards])


def seed_of(seed: int, clip_id: str, t0_us: int) -> int:
    """Seed of one call: the same on any shard, another for every t0."""
    digest = hashlib.sha256(f"{seed} {clip_id} {t0_us}".encode()).digest()
    return int.from_bytes(digest[:7], "big")


def told(figures: dict[str, Any], still_open: Sequence[int], summary: Path) -> str:
    """The last line of a run."""
    spent, failed = figures["time_s"].values(), figures["failed"]
    parts = [f"{len(spent)} clips labelled, {figures['kept']} kept, {len(failed)} failed"]
    if spent:
        parts.append(f"{sum(spent) / len(spent):.2f} s a clip")
    if figures["peak_vram_gib"] is not None:
        parts.append(f"peak VRAM {figures['peak_vram_gib']:.2f} GiB")
    if still_open:
        parts.append(f"{len(still_open)} chunks open")
    return f"{summary}: {', '.join(parts)}"


def _label(
    texts: Texts,
    model: Alpamayo,
    tree: Any,
    clip_id: str,
    t0_us: Sequence[int],
    arguments: argparse.Namespace,
) -> float | str:
    """Label a clip: the seconds that it took, or why it cannot be read."""
    rows: list[dict[str, Any]] = []
    spent_s = 0.0
    for t0 in t0_us:
        started_s = time.perf_counter()
        try:
            data = model.read(tree, clip_id, t0)
        # Video, zip and parquet decoders raise what they like; a clip is no reason to stop.
        except Exception as error:
            reason = f"cannot be read at {t0} us ({line_of(error)})"
            texts.fail(clip_id, reason)
            return reason
        answer = model.answer(data, arguments.samples, seed_of(arguments.seed, clip_id, t0))
        time_s = time.perf_counter() - started_s
        spent_s += time_s
        rows += [
            {"t0_us": t0, "sample": i, "cot": cot, "trajectory": path.ravel(), "time_s": time_s}
            for i, (cot, path) in enumerate(zip(answer.cot, answer.trajectory, strict=True))
        ]
    texts.put(clip_id, rows)
    return round(spent_s, 3)


def _memory(device: str) -> dict[str, Any]:
    """Name and peak allocation of the GPU; None where there was none, or nothing to do."""
    torch = sys.modules.get("torch")
    if torch is None or torch.device(device).type != "cuda":
        return {"gpu": None, "peak_vram_gib": None}
    peak = torch.cuda.max_memory_allocated(device) / 2**30
    return {"gpu": torch.cuda.get_device_name(device), "peak_vram_gib": round(peak, 3)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="label.py", description="Label clips with Alpamayo.")
    add = parser.add_argument
    add("--tree", type=_folder, required=True, help="snapshot of the data set in a hub cache")
    add("--windows", type=Path, required=True, help="what `avvla labels export` wrote")
    add("--output", type=Path, required=True, help="folder of the texts, shared by all shards")
    add("--model", choices=tuple(RELEASES), required=True, help="model on the hub")
    add("--revision", type=_revision, required=True, help="its commit, 40 hexadecimal digits")
    add("--shard", type=_shard, default=(1, 1), metavar="i/n", help="part i of n (default: 1/1)")
    add("--quantise", type=int, choices=(4, 8), help="bits of a weight (default: bfloat16)")
    add("--samples", type=_count, default=1, help="texts for each t0 (default: %(default)s)")
    add("--seed", type=int, default=7, help="seed of the sampling (default: %(default)s)")
    add("--device", default="cuda", help="torch device (default: %(default)s)")
    return parser


def _folder(text: str) -> Path:
    return Path(text).resolve()


def _revision(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{40}", text):
        raise argparse.ArgumentTypeError(f"{text!r}, expected 40 hexadecimal digits")
    return text


def _shard(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise argparse.ArgumentTypeError(f"{text!r}, expected i/n with 1 <= i <= n")
    return int(found[1]), int(found[2])


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}, expected 1 or more")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())

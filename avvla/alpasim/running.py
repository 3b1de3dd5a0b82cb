"""Carry out a plan: start, wait by asking, follow the logs, evaluate, and stop whatever happens."""

from __future__ import annotations

import contextlib
import math
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tqdm import tqdm

from avvla.alpasim import driver_probe
from avvla.alpasim.launch import Command, Plan
from avvla.alpasim.results import EVALUATED
from avvla.alpasim.rollouts import FOLDERS, find
from avvla.alpasim.run_folder import RunFolder
from avvla.alpasim.summary import Progress
from avvla.errors import UserError

POLL_S = 0.5
GRACE_S = 30.0
"""What a container gets to end by itself."""


def carry_out(folder: RunFolder, plan: Plan, timeout_s: float) -> None:
    """Run a plan to its end; `timeout_s` is the longest wait for a service or the driver [s].

    Raises:
        UserError: docker is missing, something does not answer in time, or a command fails.
        KeyboardInterrupt: after everything has been stopped.
    """
    if not 0 < timeout_s < math.inf:
        raise UserError(f"--timeout-s is {timeout_s}, expected seconds above 0")
    for command in (plan.start, plan.run):
        if command and shutil.which(command[0]) is None:
            raise UserError(f"{command[0]} is not on PATH: install it, or see --print")
    evaluated = folder.path / EVALUATED[-1]
    if plan.after and evaluated.exists():
        raise UserError(
            f"{evaluated} is there already, and Alpasim would skip the evaluation without a word:"
            " move it away, or have the wizard write a new folder"
        )
    with _stopped(plan.stop):
        if plan.start:
            _run(plan.start)
        for place in plan.ports:
            _await(partial(driver_probe.connect, place, POLL_S), timeout_s)
        for place in plan.drivers:
            answer = _await(partial(driver_probe.ask, place), timeout_s)
            print_line(f"driver {place}: {answer.version}, {answer.round_trip_ms:.2f} ms")
        _follow(plan.run, folder if plan.drivers else None)
        for command in plan.after:
            _run(command)


def print_line(line: str) -> None:
    """Tell a person, beside a progress bar if there is one."""
    tqdm.write(line)


def steps_wanted(folder: RunFolder) -> int:
    """Control steps of all rollouts of a run."""
    return sum(
        made.n_sim_steps * made.n_rollouts * (1 if made.scene_id else len(user.scene_ids))
        for user in folder.users
        for _, made in user.simulations
    )


def _await[R](ask: Callable[[], R], timeout_s: float) -> R:
    """What `ask` returns once it succeeds.

    Raises:
        UserError: its last error, when the time is over.
    """
    until = time.monotonic() + timeout_s
    while True:
        try:
            return ask()
        except UserError:
            if time.monotonic() > until:
                raise
        time.sleep(POLL_S)


def _follow(command: Command, folder: RunFolder | None) -> None:
    """Run the simulation and show the steps that its logs have."""
    with _process(command) as process:
        if folder is None:
            process.wait()
        else:
            seen: dict[Path, Progress] = {}
            before = {path for path, _ in _logs(folder.path)}
            with tqdm(desc="steps", total=steps_wanted(folder), unit="step", disable=None) as bar:
                while process.poll() is None:
                    _look(folder.path, seen, before)
                    bar.update(sum(progress.steps for progress in seen.values()) - bar.n)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(POLL_S)
                _look(folder.path, seen, before)
                done = sum(progress.steps for progress in seen.values())
                bar.update(done - bar.n)
            print_line(f"{done} of {steps_wanted(folder)} steps in {len(seen)} logs")
    _require(command, process.returncode)


def _look(run: Path, seen: dict[Path, Progress], before: set[Path]) -> None:
    for path, _ in _logs(run):
        if path not in before:
            # A log can be gone again: a rollout that failed is begun anew.
            with contextlib.suppress(UserError):
                seen.setdefault(path, Progress(path)).advance()


def _logs(run: Path) -> Iterator[tuple[Path, bool]]:
    if any((run / name).is_dir() for name in FOLDERS):
        for rollout in find(run):
            for path in rollout.logs:
                yield path, rollout.complete


def _run(command: Command) -> None:
    with _process(command) as process:
        process.wait()
    _require(command, process.returncode)


def _require(command: Command, code: int) -> None:
    if code:
        raise UserError(
            f"`{' '.join(command)}` ended with code {code}: its output and the folder txt-logs/ or"
            " telemetry/ of the run say why"
        )


@contextmanager
def _process(command: Command) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own group, so that Ctrl-C reaches it once and from here."""
    process = subprocess.Popen(command, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def _stopped(command: Command) -> Iterator[None]:
    """Stop the containers when the block ends, however it does."""
    try:
        yield
    finally:
        if command:
            done = subprocess.run(command, start_new_session=True, check=False)
            if done.returncode:
                print_line(f"`{' '.join(command)}` ended with code {done.returncode}")

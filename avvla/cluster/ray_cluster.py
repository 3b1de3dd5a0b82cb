"""Chunks on a Ray cluster: the one that RAY_ADDRESS names, else one on this machine alone.

A step goes by the name of its module, so every node has the project installed; results are files,
so every node sees the same data, work and project folders. A cluster of our own listens on the
loopback, asks for a token that only this process and its children know, has no dashboard, reports
to nobody, and ends with the stage.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import secrets
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from avvla import host
from avvla.cluster.attempt import Outcome, attempt
from avvla.errors import UserError

DEATHS = 3
"""Workers that may die over a chunk before it is given up."""
CONNECT_S = 10.0
"""Seconds after which a head that cannot be connected to, or does not answer, is given up."""
JOIN_S = 60.0
"""Seconds after which a cluster that answers, but does not let this host in, is given up."""
# What a client of gRPC says first, and the type of the frame that a server answers with (RFC 9113).
_HELLO, _SETTINGS = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 4
_QUEUED_PER_CPU, _QUEUED = 2, 64  # tasks handed to Ray at a time: many make each wait slow
_OBJECT_STORE = 256 * 2**20  # bytes; results are files
# What shapes bytes or finds files, for the workers of a cluster that others started.
PASSED_ON = (
    "ATEN_CPU_CAPABILITY",
    "AVVLA_DATA",
    "AVVLA_WORK",
    "HF_ENDPOINT",
    "HF_HUB_DISABLE_TELEMETRY",
    "HF_HUB_OFFLINE",
    "MKL_CBWR",
    "NPY_DISABLE_CPU_FEATURES",
    "OMP_NUM_THREADS",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
    "PYTHONHASHSEED",
)
"""Variables that the workers of a cluster of others get."""


def run(
    step: Callable[[int], Any], chunks: Sequence[int], workers: int
) -> Iterator[tuple[int, Outcome]]:
    """The outcome of every chunk as it comes.

    Args:
        step: importable on every node by its module's name, and picklable.
        chunks: numbers of chunks.
        workers: processes of a cluster of our own; another one decides itself.

    Raises:
        UserError: Ray is not installed, the cluster cannot be joined, or a node lacks the project.
    """
    with cluster(workers):
        yield from _run(step, chunks)


@contextmanager
def cluster(workers: int) -> Iterator[None]:
    """Be in a Ray cluster; a block inside such a block stays in the same one.

    Raises:
        UserError: Ray is not installed, does not come up, or the cluster cannot be joined.
    """
    if importlib.util.find_spec("ray") is None:
        raise UserError(
            "AVVLA_BACKEND is ray, but Ray is not installed: run `make setup`, or"
            " `pip install --constraint requirements/dev.lock 'avvla[ray]'`"
        )
    address = host.ray_address()
    prepare(own=address is None)
    import ray

    if ray.is_initialized():
        yield
        return
    # Short, as sockets lie below it.
    folder = Path(tempfile.mkdtemp(prefix="avvla-ray-"))
    try:
        if address is None:
            _start(workers, folder)
        else:
            _join(address)
        yield
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def prepare(*, own: bool) -> None:
    """Set what Ray reads in the moment of its first import; `own`: no cluster will be joined."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Ray's own lines on a worker's death; it is told with its chunk when retries do not help.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    if own:
        # Despite its name it decides on Linux too whether Ray takes the address of the network
        # card or the loopback's.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        # Ray lowers its workers' priority, which starves them beside any other load.
        os.environ.setdefault("RAY_worker_niceness", "0")
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def _start(workers: int, folder: Path) -> None:
    import ray

    try:
        ray.init(
            "local",
            num_cpus=workers,
            object_store_memory=_OBJECT_STORE,
            include_dashboard=False,
            _temp_dir=str(folder),
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:  # Ray raises no class of its own for it
        if "timed out during startup" not in str(error):
            raise
        raise UserError(
            "Ray was not up within the 30 s that it gives itself: too much else runs on this"
            " machine, start again"
        ) from None


def _join(address: str) -> None:
    import ray

    advice = "check that the cluster runs and that this host is one of its nodes, or unset it"
    try:
        if address != "auto":
            name, _, port = address.rpartition(":")
            _probe(name.strip("[]"), int(port))
        variables = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        with _at_most(JOIN_S):
            ray.init(
                address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={"env_vars": variables},
            )
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        line = " ".join(str(error).split())
        raise UserError(
            f"RAY_ADDRESS is {address!r}, which cannot be joined ({line}): {advice}"
        ) from None


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """End the block with a TimeoutError when it takes longer; in the main thread only."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"it did not let this host in within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _probe(name: str, port: int) -> None:
    """Have a gRPC server answer: Ray itself would go on trying for minutes."""
    import ray

    if name in ("127.0.0.1", "::1", "localhost"):  # for which Ray takes the node's own address
        name = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    with (
        socket.create_connection((name, port), CONNECT_S) as connection,
        connection.makefile("rb") as answer,
    ):
        if os.environ.get("RAY_USE_TLS", "0") != "0":
            return
        connection.sendall(_HELLO)
        head = answer.read(9)
        if len(head) < 9 or head[3] != _SETTINGS:
            raise OSError("what answers there is no head of a Ray cluster")


def _run(step: Callable[[int], Any], chunks: Sequence[int]) -> Iterator[tuple[int, Outcome]]:
    import ray

    work = ray.remote(num_cpus=1, max_retries=DEATHS - 1)(_work)
    shared, folder = ray.put(step), Path.cwd()
    waiting = list(reversed(chunks))
    running: dict[Any, int] = {}
    while waiting or running:
        cpus = int(ray.cluster_resources().get("CPU", 0))  # type: ignore[no-untyped-call]
        while waiting and len(running) < max(_QUEUED, _QUEUED_PER_CPU * cpus):
            chunk = waiting.pop()
            running[work.remote(shared, folder, chunk)] = chunk
        (done,), _ = ray.wait(list(running), num_returns=1)
        chunk = running.pop(done)
        try:
            outcome = ray.get(done)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, ray.exceptions.RaySystemError):
                line = str(error.cause).splitlines()[0]
                raise UserError(
                    f"a node cannot load the step ({line}): have this revision of avvla and"
                    " requirements/*.lock on every node"
                ) from None
            raise error.cause from error
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError) as error:
            outcome = Outcome(problem=f"{_DIED} ({type(error).__name__})")
        yield chunk, outcome


_DIED = (
    f"a Ray worker was killed, {DEATHS} times, most likely because memory ran out: give tasks more"
    " room and run again; finished chunks are kept"
)


def _work(step: Callable[[int], Any], folder: Path, chunk: int) -> Outcome:
    """A chunk on a worker, in the folder in which the stage runs."""
    try:
        os.chdir(folder)
    except OSError:
        return Outcome(
            problem=f"node {socket.gethostname()} has no {folder}: run the stage in a folder that"
            " every node sees under the same path"
        )
    return attempt(step, chunk)

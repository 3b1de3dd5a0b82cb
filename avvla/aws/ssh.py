"""A machine over ssh: scripts run on it, files copied, by the programs ssh and rsync.

A machine's key is taken on trust when it is first met, then remembered under the machine's own
name, because AWS gives one address to many machines, one after the other.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from avvla.errors import UserError

TRIES = 6
"""Connections that may fail before a machine is given up."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 20.0
CONNECT_S = 10
_NO_CONNECTION = 255  # ssh's own exit code, whatever the reason
# Of rsync: socket, its protocol, a time-out, ssh's own. Others would come again.
_PASSING = frozenset({10, 12, 30, 35, _NO_CONNECTION})
# The script is read whole first: a program in it that reads standard input would eat its rest.
_RUN = 'script="$(cat)"; exec < /dev/null; eval "$script"'


@dataclass(frozen=True)
class Remote:
    """Where ssh goes to; `alias` is what the machine's key is remembered by, in `known_hosts`."""

    host: str
    user: str
    key: Path
    alias: str
    known_hosts: Path
    port: int = 22

    def ssh(self) -> list[str]:
        """The program and its options, without the destination; no question is ever asked."""
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": CONNECT_S,
            "HostKeyAlias": self.alias,
            "IdentitiesOnly": "yes",
            "LogLevel": "ERROR",
            "ServerAliveCountMax": 4,
            "ServerAliveInterval": 15,
            "StrictHostKeyChecking": "accept-new",
            "UserKnownHostsFile": self.known_hosts,
        }
        flags = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        return ["ssh", "-F", "none", "-i", str(self.key), "-p", str(self.port), *flags]

    @property
    def destination(self) -> str:
        """user@host."""
        return f"{self.user}@{self.host}"


def wait_for_ssh(remote: Remote) -> None:
    """Connect, again after 2, 4, 8, ... s where it fails.

    Raises:
        UserError: ssh is missing, or it never succeeds.
    """
    _require("ssh")
    command = [*remote.ssh(), remote.destination, "true"]
    for number in range(TRIES):
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return
        if number + 1 < TRIES:
            time.sleep(pause(number))
    line = " ".join(done.stderr.split()) or f"code {done.returncode}"
    raise UserError(
        f"{remote.destination} cannot be reached by ssh ({line}, {TRIES} times): check that the"
        " machine runs, that the key is its own, and that its security group lets this machine in"
    )


def run_script(
    remote: Remote,
    script: Path,
    arguments: Sequence[str] = (),
    log: Path | None = None,
    *,
    append: bool = False,
) -> int:
    """Run a script of this machine there, by bash; its exit code.

    What it prints, to either stream, is printed here and, where `log` is given, kept in it
    (`append`: after what it holds). A script is never run twice: only the connection before it is
    tried again.

    Raises:
        UserError: the script cannot be read, the log not written, or the machine not reached.
    """
    try:
        text = script.read_bytes()
    except OSError as error:
        raise UserError(f"{script} cannot be read ({error.strerror}): name a script") from None
    wait_for_ssh(remote)
    inner = shlex.join(["bash", "-c", _RUN, script.name, *arguments])
    command = [*remote.ssh(), remote.destination, inner]
    with (
        _opened(log, append=append) as file,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
                pipe.write(text)
            for raw in process.stdout:
                line = raw.decode(errors="replace")
                sys.stdout.write(line)
                if file is not None:
                    file.write(line)
                    file.flush()
            return process.wait()
        except BaseException:
            process.kill()
            raise


def put(remote: Remote, source: str, target: str, exclude: Sequence[str]) -> None:
    """Copy a file or folder there; a folder that ends in `/` means what is in it.

    Raises:
        UserError: it is missing, or cannot be copied.
    """
    if not Path(source).exists():
        raise UserError(f"{source} is missing: name a file or folder of this machine")
    _copy(remote, _local(source), f"{remote.destination}:{target}", exclude)


def get(remote: Remote, source: str, target: str, exclude: Sequence[str]) -> None:
    """Copy a file or folder from there; the folder that `target` lies in is made.

    Raises:
        UserError: it cannot be copied.
    """
    try:
        Path(target).absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{target} cannot be written ({error.strerror}): choose another") from None
    _copy(remote, f"{remote.destination}:{source}", _local(target), exclude)


def _local(path: str) -> str:
    """A path that rsync takes for one of this machine, also with a colon in it."""
    return path if path.startswith("/") else f"./{path}"


def _copy(remote: Remote, source: str, target: str, exclude: Sequence[str]) -> None:
    for program in ("ssh", "rsync"):
        _require(program)
    command = ["rsync", "--archive", "--compress", "--secluded-args", "--timeout=60"]
    command += [f"--exclude={pattern}" for pattern in exclude]
    command += ["--rsh", shlex.join(remote.ssh()), source, target]
    for number in range(TRIES):
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            return
        if done.returncode not in _PASSING:
            break
        if number + 1 < TRIES:
            time.sleep(pause(number))
    line = " ".join(done.stderr.split())
    raise UserError(
        f"{source} cannot be copied to {target} (rsync ended with code {done.returncode}: {line})"
    )


def pause(number: int) -> float:
    """Seconds to wait after the failed try `number` = 0, 1, ..."""
    return min(FIRST_PAUSE_S * 2.0**number, LONGEST_PAUSE_S)


@contextlib.contextmanager
def _opened(log: Path | None, *, append: bool) -> Iterator[TextIO | None]:
    """A log; a script that fails, or is interrupted, leaves in it what it has said so far."""
    if log is None:
        yield None
        return
    try:
        log.absolute().parent.mkdir(parents=True, exist_ok=True)
        file = log.open("a" if append else "w", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{log} cannot be written ({error.strerror}): choose another") from None
    with file:
        yield file


def _require(program: str) -> None:
    if shutil.which(program) is None:
        raise UserError(f"{program} is not on PATH: install it")

"""A real sshd on the loopback, started by the test: own host key, own users' keys, ended by pid."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avvla.aws.ssh import Remote

PROGRAM = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
ABSENT = "sshd (openssh-server), ssh and rsync are needed"
THERE = PROGRAM is not None and all(map(shutil.which, ("ssh", "ssh-keygen", "rsync")))


@contextmanager
def running(folder: Path, port: int | None = None) -> Iterator[Remote]:
    """A server that lets the key `folder`/user in; a second one in the folder has new host keys."""
    folder.mkdir(exist_ok=True)
    port = port or _free_port()
    for name in ("host", "user"):
        if name == "host" or not (folder / name).exists():
            (folder / name).unlink(missing_ok=True)
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True
            )
    (folder / "authorized_keys").write_bytes((folder / "user.pub").read_bytes())
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\n"
        f"AuthorizedKeysFile {folder / 'authorized_keys'}\nPidFile none\nStrictModes no\n"
        "UsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where a server of root's parts its privileges
    server = subprocess.Popen(
        [str(PROGRAM), "-D", "-e", "-f", folder / "config"], stderr=subprocess.DEVNULL
    )
    try:
        _await(port, server)
        yield Remote(
            "127.0.0.1", getpass.getuser(), folder / "user", "i-0", folder / "known_hosts", port
        )
    finally:
        server.terminate()
        server.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _await(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert server.poll() is None, "sshd did not start"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("sshd does not answer")

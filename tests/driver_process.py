"""`avvla driver serve` as a process of its own, ended whatever happens."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

SCRIPT = "import sys; from avvla.cli import main; sys.exit(main())"


@contextmanager
def driver_process(
    *arguments: str, before: Sequence[str] = (), host: str = "127.0.0.1"
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The process and its port, a free one; `before` is a command that runs it elsewhere."""
    where = ("--host", host, "--port", "0")
    command = [*before, sys.executable, "-c", SCRIPT, "driver", "serve", *arguments, *where]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr
        line = process.stderr.readline()
        found = re.search(rf"listens at {re.escape(host)}:(\d+)$", line.strip())
        assert found, line + process.stderr.read()
        yield process, int(found[1])
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()

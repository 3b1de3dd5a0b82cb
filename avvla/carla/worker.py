"""The child of `avvla.carla.client`: answers its calls until the pipe is closed."""

from __future__ import annotations

import os
import sys
import traceback
from multiprocessing.connection import Connection
from typing import Any

from avvla.carla.exchange import ServerLostError
from avvla.carla.session import Session
from avvla.errors import UserError


def main(descriptor: int) -> None:
    """Serve the pipe of this file descriptor."""
    pipe: Connection[Any, Any] = Connection(descriptor)
    session = Session()
    while True:
        try:
            verb, arguments = pipe.recv()
        except (EOFError, ConnectionError):
            break
        pipe.send(answer(session, verb, arguments))
    session.close()
    sys.stderr.flush()
    # The library's threads have no end of their own and may abort an orderly exit.
    os._exit(0)


def answer(session: Session, verb: str, arguments: tuple[Any, ...]) -> tuple[str, Any]:
    """What became of a call: done, lost, refused or failed, and its value or text."""
    try:
        return "done", getattr(session, verb)(*arguments)
    except ServerLostError as error:
        return "lost", str(error)
    except UserError as error:
        return "refused", str(error)
    except RuntimeError as error:
        if "time-out" in str(error):
            return "lost", f"the CARLA server does not answer any more ({verb}: {error})"
        # The library's own word for whatever the server refuses.
        return "refused", f"the CARLA server refuses to {verb}: {error}"
    except Exception:
        return "failed", traceback.format_exc()


if __name__ == "__main__":
    main(int(sys.argv[1]))

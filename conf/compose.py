"""Write params.yaml for a profile of conf/profile, just as `dvc exp run -S profile=NAME` does."""

from __future__ import annotations

import sys
from pathlib import Path

from dvc.utils.hydra import compose_and_dump

CONF = Path(__file__).resolve().parent


def compose(profile: str, output: Path) -> None:
    """Compose conf/config.yaml with `profile` into `output`."""
    compose_and_dump(output, str(CONF), None, "config", str(CONF), [f"profile={profile}"])


def main() -> None:
    """Compose the profile named on the command line into ./params.yaml."""
    known = sorted(path.stem for path in (CONF / "profile").glob("*.yaml"))
    if len(sys.argv) != 2 or sys.argv[1] not in known:
        given = " ".join(sys.argv[1:]) or "nothing"
        sys.exit(f"compose: got {given}, expected one profile of: {', '.join(known)}")
    compose(sys.argv[1], Path("params.yaml"))


if __name__ == "__main__":
    main()

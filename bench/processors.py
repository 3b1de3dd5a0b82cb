"""Does another processor write the same bytes? The small pipeline, here and on an emulated one.

    python bench/processors.py [--cpu Haswell-v4] [STAGE ...]

Runs the stages at the profile `test`, three steps of training, with the environment that DVC gives
them, each in a folder of its own: once on this processor, once by QEMU's user emulation
(`qemu-x86_64`, of Debian's qemu-user) as an older one of Intel's, which has AVX2 but no AVX-512.
Prints both digests after each stage. Exits with 1 where they differ. Emulation is slow: training
takes three minutes, all stages about ten.
"""

import argparse
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("download", "label", "fit_actions", "build_dataset", "train")
STEPS = 3
# A virtual environment's python is found by its path, which the emulator hides.
START = """
import runpy, site, sys
site.addsitedir({site!r})
sys.path.insert(0, {stages!r})
sys.argv = [{script!r}]
runpy.run_path({script!r}, run_name="__main__")
"""


def environment(folder: Path) -> dict[str, str]:
    """What DVC gives a stage, and a place of its own."""
    words = shlex.split(yaml.safe_load((ROOT / "stages/env.yaml").read_text())["env"])
    return {
        **os.environ,
        **dict(word.split("=", 1) for word in words[1:]),
        "AVVLA_DATA": str(folder / "raw"),
        "AVVLA_WORK": str(folder / "work"),
        "AVVLA_WORKERS": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": str(ROOT),
        "TQDM_DISABLE": "1",
    }


def run(stage: str, folder: Path, emulator: list[str]) -> str:
    """Run a stage in its folder; the digest of all that lies there then."""
    start = START.format(
        site=next(path for path in sys.path if path.endswith("site-packages")),
        stages=str(ROOT / "stages"),
        script=str(ROOT / "stages" / f"{stage}.py"),
    )
    done = subprocess.run(
        [*emulator, os.path.realpath(sys.executable), "-c", start],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{stage} failed: {done.stderr[-2000:]}")
    return digest(folder)


def digest(folder: Path) -> str:
    """Of the names and bytes of all that stages write, but their scratch."""
    total = hashlib.sha256()
    for part in ("data", "models", "results"):
        for path in sorted((folder / part).rglob("*")):
            if path.is_file():
                total.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return total.hexdigest()[:12]


def made(folder: Path) -> Path:
    """A place to run in, with parameters."""
    folder.mkdir()
    shutil.copytree(ROOT / "conf", folder / "conf")
    subprocess.run([sys.executable, "conf/compose.py", "test"], cwd=folder, check=True)
    params = folder / "params.yaml"
    params.write_text(re.sub(r"(?m)^  steps: \d+", f"  steps: {STEPS}", params.read_text()))
    for part in ("data", "results"):
        (folder / part).mkdir()
    return folder


def processor() -> str:
    """The name of this one."""
    return re.findall(r"(?m)^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text())[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"of {', '.join(STAGES)}")
    parser.add_argument("--cpu", default="Haswell-v4", help="as `qemu-x86_64 -cpu help` names it")
    arguments = parser.parse_args()
    if shutil.which("qemu-x86_64") is None:
        sys.exit("qemu-x86_64 is not installed: install your system's package qemu-user")
    emulator = ["qemu-x86_64", "-cpu", arguments.cpu]
    different = 0
    with tempfile.TemporaryDirectory(prefix="avvla-processors-") as name:
        here, there = made(Path(name, "here")), made(Path(name, "there"))
        print(f"{'stage':<16}{processor():<24}{arguments.cpu}")
        for stage in STAGES:
            mine = run(stage, here, [])
            emulated = not arguments.stages or stage in arguments.stages
            if not emulated:
                shutil.rmtree(there)
                shutil.copytree(here, there, symlinks=True)
                continue
            theirs = run(stage, there, emulator)
            same = mine == theirs
            different += not same
            print(f"{stage:<16}{mine:<24}{theirs}  {'same' if same else 'DIFFERENT'}", flush=True)
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())

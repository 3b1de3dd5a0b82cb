"""Keep each stage's code dependencies in every dvc.yaml equal to what its script imports.

    python .ci/stage_deps.py           names the differences, exit code 1 if there are any
    python .ci/stage_deps.py --write   rewrites the lists

DVC sees only the files that are listed, so a module that is imported by an imported module must be
in the list too; `avvla.cluster.fingerprint` finds them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from avvla.cluster.fingerprint import imports

ROOT = Path(__file__).resolve().parents[1]
CODE = ("avvla/", "stages/")


def code_of(script: Path, root: Path) -> list[str]:
    """Files of avvla and stages that a script is made of, itself included, sorted."""
    return [path.relative_to(root).as_posix() for path in imports(script, root).files]


def pipelines(root: Path) -> list[Path]:
    """Every dvc.yaml: the root's, and those beside it, whose stages run in the root too."""
    return [root / "dvc.yaml", *sorted(root.glob("pipelines/*/dvc.yaml"))]


def differences(root: Path) -> dict[str, tuple[list[str], list[str]]]:
    """By stage: (code that its file lists, code that the script imports), where they differ."""
    result = {}
    for path in pipelines(root):
        for name, stage in yaml.safe_load(path.read_text())["stages"].items():
            script = root / stage["cmd"].split()[-1]
            listed = [dep for dep in stage["deps"] or () if dep.startswith(CODE)]
            imported = code_of(script, root)
            if listed != imported:
                result[f"{path.relative_to(root).as_posix()}:{name}"] = (listed, imported)
    return result


def write(path: Path, root: Path) -> None:
    """Rewrite the code entries of every stage's deps in a file, everything else as it is."""
    stages = yaml.safe_load(path.read_text())["stages"]
    lines, result, stage, inside = path.read_text().splitlines(), [], "", False
    for line in lines:
        if line.startswith("  ") and line[2:3].strip() and line.rstrip().endswith(":"):
            stage = line.strip().rstrip(":")
        if inside and line.strip().removeprefix("- ").startswith(CODE):
            continue
        inside = inside and line.startswith("      - ")
        result.append(line)
        if line == "    deps:":
            inside = True
            script = root / stages[stage]["cmd"].split()[-1]
            result += [f"      - {code}" for code in code_of(script, root)]
    path.write_text("\n".join(result) + "\n")


def main() -> None:
    """Check, or rewrite with --write."""
    if sys.argv[1:] == ["--write"]:
        for path in pipelines(ROOT):
            write(path, ROOT)
    for stage, (listed, imported) in differences(ROOT).items():
        missing = sorted(set(imported) - set(listed))
        surplus = sorted(set(listed) - set(imported))
        print(f"{stage} lacks {missing}, has needlessly {surplus}", file=sys.stderr)
    if differences(ROOT):
        sys.exit("stage_deps: run `python .ci/stage_deps.py --write`")


if __name__ == "__main__":
    main()

"""What code a result depends on: the modules that are imported, found without running them.

Imports are read from the syntax tree, those inside functions included, and followed through every
module of avvla. What stands under `if TYPE_CHECKING:` never runs and does not count. DVC's lists of
dependencies and the names of kept results are both made from this.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import avvla

ROOT = Path(avvla.__file__).resolve().parents[1]
_PACKAGE = "avvla"
_TEMPLATES = "templates/*"
# The numeric core, whose results pass through libraries that import it on avvla's behalf.
_ALWAYS = ("numpy", "scipy")


@dataclass(frozen=True)
class Imports:
    """What a script or module runs on: files of the project, itself included, and libraries."""

    files: tuple[Path, ...]
    libraries: tuple[str, ...]
    """Top-level names of imported packages outside the project and the standard library."""


def imports(start: Path, root: Path) -> Imports:
    """Everything that running `start` may import; `root` is the folder that holds avvla."""
    files: set[Path] = set()
    libraries: set[str] = set()
    waiting = [start]
    while waiting:
        path = waiting.pop()
        if path in files:
            continue
        files.add(path)
        for name in _imported(ast.parse(path.read_text())):
            found = _files(name, path.parent, root)
            waiting += found
            top = name.partition(".")[0]
            if not found and top != _PACKAGE and top not in sys.stdlib_module_names:
                libraries.add(top)
    # A package's templates are read by its modules.
    files |= {template for path in files for template in path.parent.glob(_TEMPLATES)}
    return Imports(tuple(sorted(files)), tuple(sorted(libraries)))


def identity(module: str) -> str:
    """SHA-256 of the code that a module of avvla runs on: its sources and its libraries' versions.

    Raises:
        ValueError: the module is no file of avvla.
    """
    if module.partition(".")[0] != _PACKAGE:
        raise ValueError(f"{module} is not a module of {_PACKAGE}, so workers cannot import it")
    return _identity(ROOT.joinpath(*module.split(".")).with_suffix(".py"), ROOT)


# A process asks for few modules, and its code is what it was when it started.
@cache
def _identity(path: Path, root: Path) -> str:
    found = imports(path, root)
    sources = {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in found.files
    }
    facts = {
        "libraries": _versions((*_ALWAYS, *found.libraries)),
        "python": sys.version_info[:2],
        "sources": sources,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _versions(names: tuple[str, ...]) -> dict[str, str]:
    return {
        distribution: importlib.metadata.version(distribution)
        for name in names
        for distribution in _distributions().get(name, ())
    }


@cache
def _distributions() -> Mapping[str, list[str]]:
    """The distributions of each top-level package, read from all that are installed."""
    return importlib.metadata.packages_distributions()


def _imported(tree: ast.AST) -> Iterator[str]:
    """Names that a syntax tree imports; `from a import b` gives a and a.b, as b may be a module."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def _files(name: str, beside: Path, root: Path) -> list[Path]:
    """The modules that importing `name` runs: its packages, and itself."""
    parts = name.split(".")
    if parts[0] != _PACKAGE:
        sibling = beside / f"{parts[0]}.py"
        return (
            [sibling] if len(parts) == 1 and beside == root / "stages" and sibling.exists() else []
        )
    packages = [root.joinpath(*parts[:n]) / "__init__.py" for n in range(1, len(parts) + 1)]
    module = root.joinpath(*parts).with_suffix(".py")
    return [path for path in (*packages, module) if path.exists()]

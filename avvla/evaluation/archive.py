"""Tables of arrays (npz) between evaluation and report: whole, without pickles or times.

The same arrays give the same bytes.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from avvla.errors import UserError
from avvla.files import replacing

Array = NDArray[Any]

_DAMAGE = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)


def write(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write the arrays, compressed, whole or not at all."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read(path: Path, names: Iterable[str]) -> dict[str, Array]:
    """The arrays of these names.

    Raises:
        UserError: the file is missing, damaged, or lacks one of them.
    """
    try:
        with path.open("rb") as file, NpzFile(file, allow_pickle=False) as archive:
            lacking = sorted(set(names) - set(archive))
            if not lacking:
                return {name: archive[name] for name in names}
        problem = f"it lacks {', '.join(lacking)}"
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run `dvc repro evaluate`") from None
    except _DAMAGE as error:
        problem = " ".join(str(error).split()) or type(error).__name__
    raise UserError(f"{path} cannot be read ({problem}): run `dvc repro -f evaluate`")

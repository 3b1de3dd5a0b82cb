"""Fitting of a file of windows: `avvla actions fit`.

Input (npz): xy (N, 80, 2) [m], yaw (N, 80) [rad], optional v (N, 80) [m/s], dt = 0.1 [s]; the
first 16 samples are history, t0 is sample 15, 64 follow. Output (npz): v0 (N,), action (N, 64, 2),
trajectory (N, 64, 3), ade, fde, max_error (N,), valid (N,) bool, reason (N,) text. Nothing in
either is pickled. Windows that cannot be fitted are invalid, with NaN in place of figures.

Windows are read, fitted and written in blocks, so neither file has to fit into memory.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np

from avvla.actions.arrays import DAMAGE, ArrayReader
from avvla.actions.fit import WINDOW, Fit, Method, check_method, fit_actions
from avvla.actions.unicycle import DT_S, HORIZON, Integrator, check_integrator
from avvla.actions.validity import REASONS
from avvla.config import Action
from avvla.errors import UserError
from avvla.files import replacing

BLOCK = 4096
EXPECTED = f"an npz with xy (N, {WINDOW}, 2), yaw (N, {WINDOW}), optional v (N, {WINDOW}), dt"
TEXT = f"U{max(map(len, REASONS))}"
OUTPUTS: dict[str, tuple[tuple[int, ...], str]] = {
    "v0": ((), "f8"),
    "action": ((HORIZON, 2), "f8"),
    "trajectory": ((HORIZON, 3), "f8"),
    "ade": ((), "f8"),
    "fde": ((), "f8"),
    "max_error": ((), "f8"),
    "valid": ((), "?"),
    "reason": ((), TEXT),
}
"""Shape of a window's row and type of each array of the output, in the order of the file."""


@dataclass(frozen=True)
class Summary:
    """What became of the windows of a file; mean errors [m] of the valid ones, NaN if none is."""

    windows: int
    valid: int
    ade_mean: float
    fde_mean: float
    reasons: Counter[str]
    """How many windows are invalid for each reason."""


def fit_file(input: Path, output: Path, integrator: str, method: str = "joint") -> Summary:
    """Fit every window of `input` and write the labels to `output`.

    Raises:
        UserError: `input` cannot be read as described above, holds no window, is not sampled at
            0.1 s; `output` cannot be written or is `input`; unknown integrator or method.
    """
    if output.exists() and input.exists() and output.samefile(input):
        raise UserError(f"{output} is the input too, and would be lost: name another output")
    kind, way = check_integrator(integrator), check_method(method)
    with ExitStack() as stack:
        readers = stack.enter_context(_opened(input))
        packed, folder = stack.enter_context(_workspace(output))
        windows = len(readers["xy"])
        arrays = {key: _created(folder, key, windows) for key in OUTPUTS}
        ade, fde, reasons = 0.0, 0.0, Counter[str]()
        for begin in range(0, windows, BLOCK):
            fit = _fit_block(input, readers, min(BLOCK, windows - begin), kind, way)
            for key, array in arrays.items():
                array[begin : begin + BLOCK] = getattr(fit, key)
            reasons.update(filter(None, fit.reason))
            ade, fde = ade + fit.ade[fit.valid].sum(), fde + fit.fde[fit.valid].sum()
        for array in arrays.values():
            array.flush()
        _pack(folder, packed)
    valid = windows - reasons.total()
    share = 1 / valid if valid else math.nan
    return Summary(windows, valid, float(ade * share), float(fde * share), reasons)


def _fit_block(
    path: Path, readers: dict[str, ArrayReader], count: int, integrator: Integrator, method: Method
) -> Fit:
    try:
        block = {key: reader.read(count) for key, reader in readers.items()}
    except DAMAGE as error:
        raise _unreadable(path, error) from None
    max_error_m = Action().max_error_m
    speed = block.get("v")
    return fit_actions(block["xy"], block["yaw"], speed, DT_S, integrator, max_error_m, method)


@contextmanager
def _opened(path: Path) -> Iterator[dict[str, ArrayReader]]:
    """Readers of xy, yaw and, where it is there, v, whose shapes are as described above."""
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(ZipFile(path))
            readers = {
                key: stack.enter_context(ArrayReader(archive, f"{key}.npy"))
                for key in ("xy", "yaw", "v", "dt")
                if f"{key}.npy" in archive.namelist()
            }
        except FileNotFoundError:
            raise UserError(f"{path} does not exist; expected {EXPECTED}") from None
        except DAMAGE as error:
            raise _unreadable(path, error) from None
        _check(path, readers)
        del readers["dt"]
        yield readers


def _check(path: Path, readers: dict[str, ArrayReader]) -> None:
    missing = [key for key in ("xy", "yaw", "dt") if key not in readers]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}; expected {EXPECTED}")
    for key, reader in readers.items():
        if reader.dtype.kind not in "iuf":
            raise UserError(f"{path}: {key} holds {reader.dtype}, expected numbers")
    dt, windows = readers["dt"], readers["xy"].shape[:1]
    if math.prod(dt.shape) != 1:
        raise UserError(f"{path}: dt is an array of shape {dt.shape}, expected {DT_S} s")
    try:
        dt_s = dt.read_all().item()
    except DAMAGE as error:
        raise _unreadable(path, error) from None
    if not math.isclose(dt_s, DT_S, rel_tol=1e-6):
        raise UserError(f"{path}: dt is {dt_s} s, expected {DT_S} s; resample the windows")
    for key, row in (("xy", (WINDOW, 2)), ("yaw", (WINDOW,)), ("v", (WINDOW,))):
        if key in readers and readers[key].shape != (*windows, *row):
            count = "N" if key == "xy" else str(*windows)
            expected = f"({', '.join([count, *map(str, row)])})"
            raise UserError(f"{path}: {key} has shape {readers[key].shape}, expected {expected}")
    if windows == (0,):
        raise UserError(f"{path} holds no window; expected at least one of {WINDOW} samples")


def _unreadable(path: Path, error: Exception) -> UserError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return UserError(f"{path} cannot be read ({reason}); expected {EXPECTED}")


@contextmanager
def _workspace(output: Path) -> Iterator[tuple[Path, Path]]:
    """What takes the name of `output` at the end, and a folder beside it for its arrays."""
    try:
        with (
            replacing(output) as packed,
            tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as name,
        ):
            yield packed, Path(name)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise UserError(
            f"{output} cannot be written ({where}{error.strerror}): make room or name another place"
        ) from None


def _created(folder: Path, key: str, windows: int) -> np.memmap[Any, Any]:
    """The array `key` of the output, as an npy file in `folder`."""
    row, dtype = OUTPUTS[key]
    array: np.memmap[Any, Any] = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
        folder / f"{key}.npy", "w+", dtype, (windows, *row)
    )
    return array


def _pack(folder: Path, packed: Path) -> None:
    """Put the arrays of `folder` into an npz; the same arrays give the same bytes."""
    with ZipFile(packed, "w") as archive:
        for key in OUTPUTS:
            # A ZipInfo by itself is dated 1980, where ZipFile.write takes the time of the file.
            member = archive.open(ZipInfo(f"{key}.npy"), "w", force_zip64=True)
            with member, (folder / f"{key}.npy").open("rb") as source:
                shutil.copyfileobj(source, member, 1 << 20)

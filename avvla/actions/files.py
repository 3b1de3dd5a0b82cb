"""Fitting of a file of windows: `avvla actions fit`.

Input (npz): xy (N, 80, 2) [m], yaw (N, 80) [rad], optional v (N, 80) [m/s], dt = 0.1 [s]; the
first 16 samples are history, t0 is sample 15, 64 follow. Output (npz): v0 (N,), action (N, 64, 2),
trajectory (N, 64, 3), ade, fde, max_error (N,), valid (N,) bool, reason (N,) text. Nothing in
either is pickled. Windows that cannot be fitted are invalid, with NaN in place of figures.
"""

from __future__ import annotations

import math
import os
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avvla.actions.fit import WINDOW, Fit, fit_actions
from avvla.actions.unicycle import DT_S, check_integrator
from avvla.config import Action
from avvla.errors import UserError

# What numpy and zipfile raise for a file that is damaged, truncated, pickled or encrypted.
_DAMAGE = (
    ValueError,
    OSError,
    EOFError,
    KeyError,
    MemoryError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
_EXPECTED = f"an npz with xy (N, {WINDOW}, 2), yaw (N, {WINDOW}), optional v (N, {WINDOW}), dt"


def fit_file(input: Path, output: Path, integrator: str) -> Fit:
    """Fit every window of `input` and write the labels to `output`.

    Raises:
        UserError: `input` cannot be read as described above, holds no window, is not sampled at
            0.1 s; `output` cannot be written; unknown integrator.
    """
    kind = check_integrator(integrator)
    windows = _load(input)
    missing = [key for key in ("xy", "yaw", "dt") if key not in windows]
    if missing:
        raise UserError(f"{input} lacks {', '.join(missing)}; expected {_EXPECTED}")
    dt = windows["dt"]
    if dt.size != 1 or not math.isclose(dt.item(), DT_S, rel_tol=1e-6):
        got = f"{dt.item()} s" if dt.size == 1 else f"an array of shape {dt.shape}"
        raise UserError(f"{input}: dt is {got}, expected {DT_S} s; resample the windows")
    try:
        fit = fit_actions(
            windows["xy"],
            windows["yaw"],
            windows.get("v"),
            DT_S,
            kind,
            max_error_m=Action().max_error_m,
        )
    except UserError as error:
        raise UserError(f"{input}: {error}") from None
    if not fit.reason:
        raise UserError(f"{input} holds no window; expected at least one of {WINDOW} samples")
    write_fit(output, fit)
    return fit


def write_fit(path: Path, fit: Fit) -> None:
    """Write labels as npz; the same labels give the same bytes (numpy stores no time).

    Raises:
        UserError: the folder is missing or cannot be written.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}; make its folder") from None
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.savez(
                file,
                v0=fit.v0,
                action=fit.action,
                trajectory=fit.trajectory,
                ade=fit.ade,
                fde=fit.fde,
                max_error=fit.max_error,
                valid=fit.valid,
                reason=np.array(fit.reason, np.str_),
            )
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _load(path: Path) -> dict[str, NDArray[np.float64]]:
    """The arrays of the input that a fit reads, as float64."""
    try:
        with zipfile.ZipFile(path):
            pass
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in ("xy", "yaw", "v", "dt") if key in archive}
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; expected {_EXPECTED}") from None
    except _DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path} cannot be read ({reason}); expected {_EXPECTED}") from None
    for key, value in arrays.items():
        if value.dtype.kind not in "iuf":
            raise UserError(f"{path}: {key} holds {value.dtype}, expected numbers")
    return {key: value.astype(np.float64) for key, value in arrays.items()}

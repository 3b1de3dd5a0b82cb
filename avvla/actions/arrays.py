"""Arrays in an npz file, read row by row: an npz is a zip of npy files, deflated or not.

An npy file is a header (type, shape, order) and the bytes of the array. In C order the rows of the
first axis follow each other and can be streamed; an array in Fortran order is read at once.
"""

from __future__ import annotations

import math
import zlib
from types import TracebackType
from typing import Any, Self
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

# What numpy and zipfile raise for a file that is damaged, truncated, pickled or encrypted.
DAMAGE = (
    ValueError,
    OSError,
    EOFError,
    KeyError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    BadZipFile,
    zlib.error,
)
_HEADERS: dict[tuple[int, int], Any] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}


class ArrayReader:
    """One array of an npz, from its first row on; `shape` and `dtype` are those of the file.

    Raises:
        ValueError: the member is no array of numbers or text, or is shorter than it says; other
            damage ends in one of `DAMAGE`.
    """

    def __init__(self, archive: ZipFile, member: str) -> None:
        self._file = archive.open(member)
        version = npy.read_magic(self._file)  # type: ignore[no-untyped-call]
        if version not in _HEADERS:
            raise ValueError(f"{member} has the format version {version}")
        header: tuple[tuple[int, ...], bool, np.dtype[Any]] = _HEADERS[version](self._file)
        self.shape, fortran, self.dtype = header
        if self.dtype.hasobject:
            raise ValueError(f"{member} holds pickled objects")
        size, stored = math.prod(self.shape) * self.dtype.itemsize, archive.getinfo(member)
        if size > stored.file_size:
            raise ValueError(f"{member} promises {size} bytes and has {stored.file_size}")
        self._whole: NDArray[np.float64] | None = None
        self._row = 0
        if fortran and len(self.shape) > 1:
            flipped = self._take(self.shape[::-1])
            self._whole = flipped.transpose()

    def __len__(self) -> int:
        return self.shape[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def read(self, rows: int) -> NDArray[np.float64]:
        """The next `rows` rows, (rows, ...).

        Raises:
            EOFError: there are fewer.
        """
        begin, self._row = self._row, self._row + rows
        if self._whole is not None:
            return self._whole[begin : self._row]
        return self._take((rows, *self.shape[1:]))

    def read_all(self) -> NDArray[np.float64]:
        """The whole array, one value or many."""
        return self._take(self.shape)

    def _take(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        size = math.prod(shape) * self.dtype.itemsize
        data = self._file.read(size)
        if len(data) < size:
            raise EOFError(f"{self._file.name} ends after {len(data)} of {size} bytes")
        return np.frombuffer(data, self.dtype).reshape(shape).astype(np.float64)

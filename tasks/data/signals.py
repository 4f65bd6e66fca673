"""The signals of a data folder: lazily read slices of `<Name>.h5`, whose root keys are the recordings' ids."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from db.errors import DataError
from tasks.data.layout import Recording


class Signals:
    """Open HDF5 files of one folder. Arrays are (L, C, 1), (L, C) or (L,), of any number type."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, h5py.File] = {}

    def paths(self, recordings: Iterable[Recording]) -> tuple[Path, ...]:
        """The files that hold these recordings, each once."""
        return tuple(self._folder / f"{name}.h5" for name in sorted({recording.name for recording in recordings}))

    def shape(self, recording: Recording) -> tuple[int, int]:
        """Length in samples and number of channels.

        Raises:
            DataError: the file or the recording in it is missing or unreadable; the message names both.
        """
        shape = self._array(recording).shape
        return int(shape[0]), int(np.prod(shape[1:], dtype=int))

    def read(self, recording: Recording, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Samples `start` to `stop` of a recording, (stop - start, C).

        Raises:
            DataError: they cannot be read, or one of them is not a finite number.
        """
        try:
            piece = np.asarray(self._array(recording)[start:stop], dtype=np.float32).reshape(stop - start, -1)
        except (OSError, ValueError) as error:
            raise DataError(f"{self._where(recording)}: samples {start} to {stop} cannot be read: {error}") from None
        if not np.isfinite(piece).all():
            sample, channel = np.argwhere(~np.isfinite(piece))[0]
            where = f"sample {start + sample} of channel {channel}"
            raise DataError(f"{self._where(recording)}: {where} is not finite; repair or leave out the recording")
        return piece

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _array(self, recording: Recording) -> h5py.Dataset:
        file = self._file(recording)
        try:
            array = file.get(str(recording.id))
        except (OSError, RuntimeError) as error:
            raise DataError(f"{self._where(recording)}: the file is damaged: {error}") from None
        if array is None:
            some = ", ".join(list(file)[:5])
            raise DataError(f"{self._where(recording)}: no such key in the file, which holds {some or 'nothing'}, ...")
        if not isinstance(array, h5py.Dataset) or not array.shape or array.dtype.kind not in "fiu" or not array.size:
            raise DataError(f"{self._where(recording)}: not an array of numbers of shape (samples, channels)")
        return array

    def _file(self, recording: Recording) -> h5py.File:
        if recording.name not in self._files:
            path = self._folder / f"{recording.name}.h5"
            try:
                self._files[recording.name] = h5py.File(path, "r", locking=False)
            except FileNotFoundError:
                raise DataError(f"{path} is missing; row {recording.row} of the metadata names it") from None
            except OSError as error:
                raise DataError(f"{path} cannot be read as HDF5: {error}") from None
        return self._files[recording.name]

    def _where(self, recording: Recording) -> str:
        return f"{self._folder / recording.name}.h5, key {recording.id} (row {recording.row} of the metadata)"

"""Room on the disk of an attempt: kept for its last record, and tried where it may be gone. Standard library only."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from runner.attempt_dir import encode, sync_folder, write_record

KEPT = 64 * 2**10
"""Bytes, more than an `exit.json` holds, and more than the last words of a worker."""
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def why_unwritable(folder: Path) -> OSError | None:
    """Why a file of `KEPT` bytes cannot be written into a folder; None where it can. Nothing of it stays."""
    probe = folder / f".probe.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        os.close(_fill(probe))
    except OSError as fault:
        return fault
    finally:
        with suppress(OSError):
            probe.unlink()
    return None


def why_no_space(folder: Path) -> str | None:
    """The same, in words, where what is missing is space (or what a quota grants of it)."""
    fault = why_unwritable(folder)
    return fault.strerror if fault is not None and fault.errno in _NO_SPACE else None


def told(fault: OSError) -> str:
    """Why something could not be done on a disk, and what helps where that is a lack of room."""
    why = fault.strerror or str(fault)
    if fault.errno not in _NO_SPACE:
        return why
    return f"{why}; make room: `df -h` and `df -i` tell whether blocks or inodes are lacking"


class KeptRoom:
    """A hidden file beside a record that is still to come, as large as that may become.

    The record is written over it and given its name, which needs no space. Where that does not work (no room could be
    kept, the file was removed, a file system writes every change elsewhere) the room is let go and the record written
    as any other.
    """

    def __init__(self, record: Path) -> None:
        self._record = record
        self._path = record.with_name(f".{record.name}.room")
        self._descriptor: int | None = None

    def keep(self) -> None:
        """Take it, if it is there."""
        try:
            self._descriptor = _fill(self._path)
        except OSError:
            self.let_go()

    def write(self, record: object) -> None:
        """Write the record so that it appears complete or not at all.

        Raises:
            OSError: the disk is full, say; nothing appears then.
        """
        if not self._written_over(encode(record)):
            self.let_go()
            write_record(self._record, record)

    def let_go(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        with suppress(OSError):
            self._path.unlink()

    def _written_over(self, data: bytes) -> bool:
        if self._descriptor is None:
            return False
        try:
            if not os.path.samestat(self._path.lstat(), os.fstat(self._descriptor)):
                return False  # somebody put another file in its place
            if os.pwrite(self._descriptor, data, 0) < len(data):
                return False
            os.ftruncate(self._descriptor, len(data))
            os.fsync(self._descriptor)
            self._path.replace(self._record)
            sync_folder(self._record.parent)
        except OSError:
            return False
        return True


def _fill(path: Path) -> int:
    """A new file of `KEPT` bytes that no file system can make smaller; the open descriptor of it.

    Raises:
        OSError: there is no room for it.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o644)
    left = memoryview(os.urandom(KEPT))
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    except OSError:
        os.close(descriptor)
        raise
    return descriptor

"""What a sweep says, kept in `<root>/logs/<sweep>.log` for whoever was not there to read it. Standard library only."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from db.errors import Refused

AT_ONCE = 2**20
"""Bytes read at a time."""


def log_path(root: Path, sweep: str) -> Path:
    return root / "logs" / f"{sweep}.log"


class SweepLog:
    """The log of a sweep whose lock we hold: nobody else writes it. What a full disk does not take is dropped."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            os.write(self._descriptor, f"{text}\n".encode(errors="backslashreplace"))

    def become_output(self) -> None:
        """From now on all that this process says on standard output and error goes here."""
        os.dup2(self._descriptor, 1)
        os.dup2(self._descriptor, 2)


@contextmanager
def open_log(root: Path, sweep: str) -> Iterator[SweepLog]:
    """Go on with the log of a sweep.

    Raises:
        Refused: it cannot be written.
    """
    path = log_path(root, sweep)
    try:
        path.parent.mkdir(exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise Refused(f"the log {path} cannot be written: {error.strerror}; --root names another folder") from None
    log = SweepLog(path, descriptor)
    log.write(f"==> {time.strftime('%Y-%m-%d %H:%M:%S %z')}, process {os.getpid()}")
    try:
        yield log
    finally:
        os.close(descriptor)


class NewLines:
    """What is appended to a log from now on, in whole lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = self._size()
        self._begun = b""

    def read(self) -> str:
        """The new lines, without the last line's end; nothing where there are none."""
        if self._size() < self._read:  # somebody cut it
            self._read = 0
        *lines, self._begun = (self._begun + self._new()).split(b"\n")
        return b"\n".join(lines).decode(errors="replace")

    def _new(self) -> bytes:
        try:
            with self._path.open("rb") as log:
                log.seek(self._read)
                new = log.read(AT_ONCE)
        except OSError:
            return b""
        self._read += len(new)
        return new

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

"""One scheduler a sweep: a lock file that says who holds it."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from db.errors import Refused


class SweepBusy(Refused):
    """Another scheduler works on this sweep."""


def lock_path(root: Path, sweep: str) -> Path:
    return root / "locks" / f"{sweep}.lock"


@contextmanager
def hold_sweep(root: Path, sweep: str) -> Iterator[None]:
    """Hold the sweep for as long as the block runs; a killed process lets go of it.

    Raises:
        SweepBusy: another process holds it; the message says which.
    """
    path = lock_path(root, sweep)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if not _lock(descriptor, fcntl.LOCK_EX):
            raise SweepBusy(_busy(sweep, descriptor))
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def refuse_if_held(root: Path, sweep: str) -> None:
    """Say early what `hold_sweep` would say, without making anything.

    Raises:
        SweepBusy: a living scheduler of this host works on the sweep.
    """
    try:
        descriptor = os.open(lock_path(root, sweep), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not _lock(descriptor, fcntl.LOCK_SH):
            raise SweepBusy(_busy(sweep, descriptor))
    finally:
        os.close(descriptor)


def is_held(root: Path, sweep: str) -> bool:
    """Whether a living scheduler of this host works on the sweep."""
    try:
        refuse_if_held(root, sweep)
    except SweepBusy:
        return True
    return False


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _busy(sweep: str, descriptor: int) -> str:
    holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another process"
    return (
        f"sweep `{sweep}` is being run by {holder}; `runner status` shows how it goes, "
        "`runner cancel` and `runner retry` reach it"
    )

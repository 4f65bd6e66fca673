"""One process at a time works on a sweep: a lock file that says who holds it."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from db.errors import Refused

SCHEDULER = "the scheduler"
PATIENCE = 0.5
"""Seconds for which others may look at a lock, and so hold it for a moment, while somebody wants it."""


class SweepBusy(Refused):
    """Another process works on this sweep. `by_scheduler`: it is one that takes requests; `stopped`: not now."""

    def __init__(self, message: str, *, by_scheduler: bool, stopped: int | None) -> None:
        super().__init__(message)
        self.by_scheduler = by_scheduler
        self.stopped = stopped


def lock_path(root: Path, sweep: str) -> Path:
    return root / "locks" / f"{sweep}.lock"


@contextmanager
def hold_sweep(root: Path, sweep: str, who: str = SCHEDULER) -> Iterator[None]:
    """Hold the sweep for as long as the block runs; a killed process lets go of it.

    Raises:
        SweepBusy: another process holds it; the message says which.
    """
    path = lock_path(root, sweep)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if not _lock(descriptor, fcntl.LOCK_EX):
            raise _busy(sweep, descriptor)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{who}, process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def refuse_if_held(root: Path, sweep: str) -> None:
    """Say what `hold_sweep` would say, without making anything.

    Raises:
        SweepBusy: a living process of this host works on the sweep.
    """
    try:
        descriptor = os.open(lock_path(root, sweep), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not _lock(descriptor, fcntl.LOCK_SH):
            raise _busy(sweep, descriptor)
    finally:
        os.close(descriptor)


def is_held(root: Path, sweep: str) -> bool:
    """Whether a living process of this host works on the sweep."""
    try:
        refuse_if_held(root, sweep)
    except SweepBusy:
        return True
    return False


def stopped_holder(root: Path, sweep: str) -> int | None:
    """The process of this host that holds the sweep, where it is stopped (SIGSTOP, Ctrl-Z)."""
    try:
        refuse_if_held(root, sweep)
    except SweepBusy as busy:
        return busy.stopped
    return None


def _lock(descriptor: int, kind: int) -> bool:
    deadline = time.monotonic() + (PATIENCE if kind == fcntl.LOCK_EX else 0)
    while not (locked := _try_lock(descriptor, kind)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return locked


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _busy(sweep: str, descriptor: int) -> SweepBusy:
    holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another process"
    by_scheduler, stopped = holder.startswith(SCHEDULER), _stopped(holder)
    advice = "; `runner status` shows how it goes, `runner cancel` and `runner retry` reach it" if by_scheduler else ""
    if stopped is not None:
        advice = f", which is stopped (SIGSTOP, or Ctrl-Z): `kill -CONT {stopped}` lets it go on"
    said = f"sweep `{sweep}` is being worked on by {holder}{advice}"
    return SweepBusy(said, by_scheduler=by_scheduler, stopped=stopped)


def _stopped(holder: str) -> int | None:
    """The process that a lock names, where it is of this host and stopped."""
    named = re.search(r"process (\d+) on (\S+)$", holder)
    if named is None or named[2] != socket.gethostname():
        return None
    try:
        after_name = Path(f"/proc/{named[1]}/stat").read_text(errors="replace").rpartition(")")[2]
    except OSError:
        return None
    return int(named[1]) if after_name.split()[:1] == ["T"] else None

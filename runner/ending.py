"""Ending all that comes from one process. Standard library only."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from runner import processes

BOUT = 0.05
"""Seconds of killing at a stretch, at most."""


def signal_all(root: int, number: signal.Signals) -> list[int]:
    """Send it to all that comes from `root`; what was stopped is woken, so that it can end in its own way.

    Returns who was there.
    """
    living = [pid for pid in processes.descendants(root) if processes.start_time(pid) is not None]
    for pid in living:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
            os.kill(pid, signal.SIGCONT)
    return living


def kill_all(root: int, reap: Callable[[], bool]) -> set[int]:
    """Kill all that comes from `root`, the calling process and their subreaper; returns who was killed.

    Parents before their children, each with its process group, and no time lost between finding and killing: what
    forks and exits for ever is a new process each time we look. `reap` reaps and tells whether nothing is left.
    Something may still be there after one bout (it waits for a disk, say): do it again.
    """
    killed: set[int] = set()
    ends, nobody_new = time.monotonic() + BOUT, 0
    while not reap() and nobody_new < 3 and time.monotonic() < ends:
        known = len(killed)
        for pid in processes.descendants(root):
            _kill(pid)
            killed.add(pid)
        nobody_new = 0 if len(killed) > known else nobody_new + 1
    return killed


def _kill(pid: int) -> None:
    """Together with its process group, which a zombie still has, and which ends at one stroke."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
        group = os.getpgid(pid)
        if group != os.getpgrp():
            os.killpg(group, signal.SIGKILL)

"""Ending all that comes from one process. Standard library only."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from runner import processes


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


def kill_all(root: int) -> set[int]:
    """Kill all that comes from `root`, which must be their subreaper; returns who was killed.

    Parents before their children, again and again until nobody new is found: forks are outrun, not raced. Something may
    still be left: call it again until `root` has no child.
    """
    killed: set[int] = set()
    for _ in range(100):
        new = [pid for pid in processes.descendants(root) if pid not in killed and _kill_group(pid)]
        if not new:
            break
        killed.update(new)
    return killed


def _kill_group(pid: int) -> bool:
    """Kill the process and, at one stroke, its process group. False where it is gone, or a zombie."""
    if processes.start_time(pid) is None:
        return False
    with suppress(ProcessLookupError, PermissionError):
        group = os.getpgid(pid)
        if group != os.getpgrp():
            os.killpg(group, signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
    return True

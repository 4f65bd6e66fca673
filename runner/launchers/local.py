"""Supervisors as processes of this host, in sessions of their own: they outlive the scheduler."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from db.records import Plan
from runner import processes
from runner.attempt_dir import AttemptDir
from runner.entry import bare_argv
from runner.launchers.interface import LaunchRefused
from runner.processes import SLOT_DESCRIPTOR
from runner.slots import Slot


class LocalLauncher:
    """References are `pid:start time`, the latter in clock ticks since boot: a pid alone may come to name another."""

    name = "local"

    def __init__(self) -> None:
        self._children: set[int] = set()

    def submit(self, attempt: AttemptDir, plan: Plan, slot: Slot) -> str:
        argv = bare_argv("runner.supervisor", str(attempt.path.absolute()), plan.attempt_id)
        spare = SLOT_DESCRIPTOR + 1 + (slot.descriptor == SLOT_DESCRIPTOR + 1)
        log = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        try:
            pid = os.posix_spawn(
                argv[0],
                argv,
                {**os.environ, **slot.env},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, slot.descriptor, spare),  # a copy, and so not closed by exec
                    (os.POSIX_SPAWN_DUP2, spare, SLOT_DESCRIPTOR),
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, str(attempt.supervisor_log), log, 0o644),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ],
                setsid=True,
                setsigmask=(),
            )
        except OSError as error:
            raise LaunchRefused(f"the supervisor of {attempt.path} cannot be started: {error.strerror}") from None
        self._children.add(pid)
        return f"{pid}:{processes.start_time(pid) or 0}"

    def has_ended(self, reference: str) -> bool:
        pid, started = map(int, reference.split(":"))
        if pid in self._children:
            with suppress(ChildProcessError):  # somebody else reaped it
                if os.waitpid(pid, os.WNOHANG)[0] == 0:
                    return False
            self._children.discard(pid)
        return processes.start_time(pid) != started

    def cancel(self, reference: str) -> None:
        pid, started = map(int, reference.split(":"))
        if processes.start_time(pid) == started:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

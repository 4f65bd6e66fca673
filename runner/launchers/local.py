"""Supervisors as processes of this host, in sessions of their own: they outlive the scheduler."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress

from runner import processes
from runner.entry import bare_argv
from runner.launchers.interface import Launching, LaunchRefused
from runner.launchers.looks import Going, Gone, Unsure
from runner.processes import SLOT_DESCRIPTOR


class LocalLauncher:
    """References are `pid:start time`, the latter in clock ticks since boot: a pid alone may come to name another."""

    name = "local"
    is_witness = False

    def __init__(self) -> None:
        self._children: set[int] = set()

    def submit(self, launchings: Sequence[Launching]) -> Sequence[str | LaunchRefused]:
        return [self._start(launching) for launching in launchings]

    def _start(self, launching: Launching) -> str | LaunchRefused:
        attempt, slot = launching.attempt, launching.slot
        argv = bare_argv("runner.supervisor", str(attempt.path.absolute()), launching.plan.attempt_id)
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
            return LaunchRefused(f"the supervisor of {attempt.path} cannot be started: {error.strerror}")
        self._children.add(pid)
        return f"{pid}:{processes.start_time(pid) or 0}"

    def why_not_now(self) -> None:
        """A process can always be tried."""
        return

    def most(self) -> None:
        """Slots bound them."""
        return

    def look(self, reference: str) -> Going | Gone:
        pid, started = map(int, reference.split(":"))
        if pid in self._children:
            with suppress(ChildProcessError):  # somebody else reaped it
                if os.waitpid(pid, os.WNOHANG)[0] == 0:
                    return Going()
            self._children.discard(pid)
        return Going() if processes.start_time(pid) == started else Gone()

    def hurry(self) -> None:
        """It looks every time."""

    def find(self, attempt_id: str) -> str | Unsure | None:  # noqa: ARG002 - it keeps no book
        """What nobody recorded ends by itself: whoever takes over takes its claim."""
        return None

    def cancel(self, references: Sequence[str]) -> None:
        for reference in references:
            pid, started = map(int, reference.split(":"))
            if processes.start_time(pid) == started:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)

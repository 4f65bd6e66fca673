"""`runner sweep --detach`: what was checked here goes on as a process of a session of its own.

A terminal that closes sends SIGHUP to its own session only, so it does not reach that process. Until the scheduler has
begun, its words still go where the command's go; so why it could not begin is told to whoever typed the command.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from db.errors import RunnerError
from runner.exit_codes import ExitCode
from runner.places import as_typed
from runner.show import some
from runner.sweep_log import SweepLog


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """The side that goes on. `line` is the writing end of a pipe to the side that waits."""

    line: int

    def begin(self, log: SweepLog) -> None:
        """The scheduler has begun: from here on its words go to the log, and whoever waits may leave."""
        sys.stdout.flush()
        sys.stderr.flush()
        log.become_output()
        with contextlib.suppress(BrokenPipeError):  # nobody waits any more
            os.write(self.line, b"!")
        os.close(self.line)


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """The side that was typed. `line` is the reading end of a pipe from the process that goes on."""

    pid: int
    line: int

    def wait(self) -> ExitCode | None:
        """Wait until the other side has begun: None. If it ended before that it has said why: its exit code.

        Raises:
            RunnerError: it was killed before it began.
        """
        try:
            with open(self.line, "rb") as line:  # noqa: PTH123 - a descriptor has no path
                if line.read(1):
                    return None
            _, status = os.waitpid(self.pid, 0)
        except KeyboardInterrupt:
            os.kill(self.pid, signal.SIGTERM)
            raise
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            raise RunnerError(f"process {self.pid} was to go on with the sweep; signal {-code} killed it at its start")
        return ExitCode(code)


def part() -> Leaving | Waiting:
    """Become two processes: one that goes on in a session of its own, and this one."""
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return Waiting(pid=pid, line=reader)
    os.close(reader)
    os.setsid()
    stay_when_the_terminal_goes()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return Leaving(line=writer)


def stay_when_the_terminal_goes() -> None:
    """At a logout systemd may send SIGTERM and then SIGHUP: the first is heard, the second says nothing more."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def told(sweep: str, runs: int, pid: int, root: Path, log: Path) -> str:
    """What a person needs to know who has just sent a sweep off."""
    return (
        f"sweep {sweep}: {some(runs, 'run')}; process {pid} works on it, whatever becomes of this terminal\n"
        f"log: {log}\n"
        f"`{as_typed(root, 'attach', sweep)}` follows it, `{as_typed(root, 'status')}` shows how it goes, "
        f"`kill {pid}` ends it as Ctrl-C would"
    )

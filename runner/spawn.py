"""Starting the worker: fork, become a session of its own that dies with its parent, exec. Standard library only."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from db.records import EndedBy
from runner.processes import SLOT_DESCRIPTOR

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
_HANDED_DOWN_IGNORED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


class CannotStart(Exception):  # noqa: N818 - it is what is the case, and reads so where it is caught
    """The command could not be started, or must not be; the message says why, `ended_by` goes into the record."""

    def __init__(self, why: str, ended_by: EndedBy = "could_not_start") -> None:
        super().__init__(why)
        self.ended_by: EndedBy = ended_by


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to start, and in what. `stdout` and `stderr` are descriptors; `cgroup` is entered first, where given."""

    argv: Sequence[bytes]
    cwd: bytes
    env: Mapping[bytes, bytes]
    stdout: int
    stderr: int
    cgroup: Path | None


def become_subreaper() -> None:
    """From now on every orphan among our descendants becomes our child."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def close_inherited() -> None:
    """Keep the lock of our slot, which must end with us and not with our children, and nothing else we were given.

    A pipe of the scheduler, say, would otherwise not end while we live.
    """
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - numbers, not paths
        if int(name) > SLOT_DESCRIPTOR:
            with contextlib.suppress(OSError):  # the one that listed them
                os.close(int(name))
    with contextlib.suppress(OSError):  # there is no slot
        os.set_inheritable(SLOT_DESCRIPTOR, False)  # noqa: FBT003 - the signature of os


def start(command: Command) -> int:
    """Start it and return its pid, once its own program runs.

    Raises:
        CannotStart: it does not exist, say, or may not be executed, or its folder is missing.
    """
    reader, writer = os.pipe()
    parent = os.getpid()
    try:
        child = os.fork()
    except OSError as error:
        os.close(writer)
        os.close(reader)
        raise CannotStart(f"no process can be made: {error.strerror}") from None
    if child == 0:
        _become(command, parent, writer)
    os.close(writer)
    with open(reader, "rb") as pipe:  # noqa: PTH123 - a descriptor has no path
        fault = pipe.read()  # ends when the program runs: the descriptor is closed by exec
    if fault:
        os.waitpid(child, 0)
        raise CannotStart(fault.decode(errors="replace"))
    return child


def _become(command: Command, parent: int, fault: int) -> NoReturn:
    """In the child. Whatever happens, nothing of the parent's code runs here afterwards."""
    step = "a session of its own cannot be made"
    try:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(127)  # it died before we asked to die with it
        os.setsid()
        if command.cgroup:
            step = f"the cgroup {command.cgroup} cannot be entered"
            _enter(command.cgroup)
        step = f"the folder {os.fsdecode(command.cwd)} cannot be entered"
        os.chdir(command.cwd)
        step = f"the command {os.fsdecode(command.argv[0])} cannot be executed"
        _connect(command.stdout, command.stderr)
        _restore_signals()
        os.execvpe(command.argv[0], list(command.argv), dict(command.env))  # noqa: S606 - no shell is the point
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        os.write(fault, os.fsencode(f"{step}: {reason}"))
    finally:
        os._exit(127)


def _enter(cgroup: Path) -> None:
    descriptor = os.open(cgroup / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
    os.write(descriptor, str(os.getpid()).encode())
    os.close(descriptor)


def _connect(stdout: int, stderr: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (stdout, 1), (stderr, 2)):
        os.dup2(source, target)


def _restore_signals() -> None:
    for number in (*_IGNORED_BY_PYTHON, *_HANDED_DOWN_IGNORED):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))

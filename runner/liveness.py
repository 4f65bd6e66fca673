"""Whether an attempt lives, and making sure that it does not. Standard library only.

On its own host and boot an attempt lives while its claim's lock is held; the kernel lets go of it when the supervisor
ends, however it ends. From anywhere else it lives while its lease is fresh. Ages are measured with the clock of the
file system that holds the folder, so clocks of hosts need not agree.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from db.errors import RunnerError
from db.records import Claim
from runner import processes
from runner.attempt_dir import AttemptDir, BadRecord

LEASE_EVERY = 10.0
"""Seconds between two renewals of a lease."""
LEASE_LOST = 60.0
"""A supervisor that cannot renew its lease for this long kills its worker."""
LEASE_EXPIRES = 90.0
"""A lease this old is no sign of life any more: late enough that whoever lost it has killed its worker by then."""


class Surviving(RunnerError):  # noqa: N818 - it is what is the case, and reads so where it is caught
    """Processes of an attempt cannot be ended, so nothing may be launched in its place."""


def own_claim(attempt_id: str, *, fenced: bool = False) -> Claim:
    """The claim of the calling process."""
    pid = os.getpid()
    return Claim(
        attempt_id=attempt_id,
        host=os.uname().nodename,
        boot_id=processes.boot_id(),
        pid=pid,
        pid_started=processes.start_time(pid) or 0,
        claimed_at=time.time(),
        slurm_job=os.environ.get("SLURM_JOB_ID"),
        fenced=fenced,
    )


def fence(attempt: AttemptDir) -> bool:
    """Take the claim so that nobody ever runs the attempt; a missing folder is made for it.

    True where it is fenced now, by us or by a scheduler before us. False where a supervisor has claimed it.
    """
    attempt.path.mkdir(parents=True, exist_ok=True)
    try:
        attempt_id = attempt.read_plan().attempt_id
    except (FileNotFoundError, BadRecord):
        attempt_id = ""
    lock = attempt.take_claim(own_claim(attempt_id, fenced=True))
    if lock is not None:
        os.close(lock)
        return True
    try:
        return attempt.read_claim().fenced
    except BadRecord:
        return False


def is_alive(attempt: AttemptDir, *, ended: bool = False) -> bool:
    """Whether a supervisor holds the attempt. What cannot be told counts as alive while its lease is fresh.

    A claim of our host's name but another boot is judged by its lease too: names of hosts are not unique. Where the
    launcher says that it has `ended` and its end is written down, nobody waits for its lease.
    """
    if attempt.claim_is_locked():
        return True
    try:
        claim = attempt.read_claim()
    except FileNotFoundError:
        return False
    except BadRecord:
        return _lease_is_fresh(attempt)
    if claim.fenced or is_of_this_boot(claim) or (ended and attempt.exit.exists()):
        return False
    return _lease_is_fresh(attempt)


def is_of_this_boot(claim: Claim) -> bool:
    """Whether the claim was taken on this host since it was started, so that we see its lock and its processes."""
    return claim.host == os.uname().nodename and claim.boot_id == processes.boot_id()


def was_restarted_since(claim: Claim) -> bool:
    """Whether the claim was taken on this host before it was started last."""
    return claim.host == os.uname().nodename and claim.boot_id != processes.boot_id()


def lives_elsewhere(attempt: AttemptDir) -> bool:
    """Whether this folder is a copy: the supervisor of its claim lives, and holds the claim of another folder."""
    try:
        claim = attempt.read_claim()
        if claim.fenced or not is_of_this_boot(claim) or processes.start_time(claim.pid) != claim.pid_started:
            return False
        *_, folder, attempt_id = processes.arguments(claim.pid)
        other = AttemptDir(Path(folder))
        return attempt_id == claim.attempt_id and not other.path.samefile(attempt.path) and other.claim_is_locked()
    except (OSError, BadRecord, ValueError):
        return False


def end_survivors(attempt_id: str, logs: Sequence[Path] = (), *, within: float = 10.0) -> int:
    """Kill every process of this host that belongs to the attempt, or writes to its logs; return how many there were.

    For attempts whose supervisor is dead: a living one takes care of its own.

    Raises:
        Surviving: some are still there after `within` seconds.
    """
    ended: set[int] = set()
    deadline = time.monotonic() + within
    empty_looks = 0
    while empty_looks < 2:  # a process that is just starting another program can be overlooked once
        found = processes.carriers(attempt_id, map(str, logs))
        _kill(found)
        ended.update(found)
        empty_looks = 0 if found else empty_looks + 1
        if found and time.monotonic() > deadline:
            raise Surviving(
                f"processes {sorted(found)} of attempt {attempt_id} on {os.uname().nodename} were still there "
                f"{within:g} s after being killed, so nothing is launched in its place. They belong to somebody else "
                "or wait for a disk or a device: end them, then start again"
            )
        time.sleep(0.02)
    return len(ended)


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _lease_is_fresh(attempt: AttemptDir) -> bool:
    """A new claim counts as a lease: the first lease follows it at once."""
    renewed = max(_modified(attempt.lease), _modified(attempt.claim))
    return _now_of(attempt.path) - renewed < LEASE_EXPIRES


def _modified(path: Path) -> float:
    """Opened first, because a network file system may answer an old time otherwise. 0 where there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return 0.0
    try:
        return os.fstat(descriptor).st_mtime
    finally:
        os.close(descriptor)


def _now_of(folder: Path) -> float:
    """The time by the clock of the folder's file system; our own where nothing can be written there."""
    probe = folder / f".now.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        descriptor = os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError:
        return time.time()
    try:
        return os.fstat(descriptor).st_mtime
    finally:
        os.close(descriptor)
        probe.unlink()


class Lease:
    """The proof of life across hosts, renewed by the supervisor: the modification time of a file.

    Times are of any clock that only goes forward, in seconds.
    """

    def __init__(self, attempt: AttemptDir, now: float) -> None:
        self._attempt = attempt
        self._folder = _identity(attempt.path)
        self._renewed = self._next = now
        self.keep(now)

    def keep(self, now: float) -> bool:
        """Renew when it is time to. False once that has failed for `LEASE_LOST` seconds."""
        if now >= self._next:
            self._next = now + 1.0
            with suppress(OSError):
                self._attempt.lease.touch()
                self._renewed, self._next = now, now + LEASE_EVERY
        return now - self._renewed < LEASE_LOST

    def left(self, now: float) -> float:
        """Seconds until it is lost; at least one, so that there is time to say so."""
        return max(1.0, self._renewed + LEASE_LOST - now)

    def has_folder(self) -> bool:
        """False where the folder was removed, or another one put in its place. A failing disk is no answer."""
        try:
            return _identity(self._attempt.path) == self._folder
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


@contextmanager
def bounded_by_death(seconds: float) -> Iterator[None]:
    """A body that blocks for longer kills this process (SIGALRM), and with it the worker, which dies with its parent.

    A supervisor that hangs in a file system that has gone away could neither renew its lease nor end its worker.
    """
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)

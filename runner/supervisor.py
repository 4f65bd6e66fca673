"""One attempt's supervisor: claims it, starts the worker, enforces limits, ends what is left, writes `exit.json`.

Standard library only, single-threaded, the same under every launcher. Started by
`bare_argv("runner.supervisor", folder, attempt_id)`; it outlives the scheduler, and the worker dies with it.
Exit codes: 0 when `exit.json` is written, 74 when it could not be, 75 when somebody else has the claim.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from db.records import EndedBy, Exit, FileSeen, MemoryWatch, Plan, Usage
from runner import ending, outside, processes, spawn
from runner.attempt_dir import AttemptDir, BadRecord
from runner.last_line import last_line
from runner.liveness import LEASE_LOST, Lease, bounded_by_death, own_claim
from runner.log_cap import CappedLog
from runner.memory_limit import PeakMemory, open_limit
from runner.room import KeptRoom, why_no_space
from runner.silence import Silence
from runner.watched import Watch

CANNOT_RECORD = 74
CLAIMED_BY_ANOTHER = 75

TICK = 0.1
"""Seconds between two looks, at most."""
KILLING_TICK = 0.005
"""The same during the first second of killing."""
AFTER_TERM = 2.0
"""Seconds (at most) that what the worker left behind has between SIGTERM and SIGKILL."""
RECORD_FOR = 60.0
"""Seconds for which writing `exit.json` is tried, where the disk is full and no room for it could be kept."""

_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PASSED_ON = (signal.SIGUSR1, signal.SIGUSR2)
_AWAITED = (signal.SIGCHLD, *_ENDING, *_PASSED_ON)
_AT_ONCE: tuple[EndedBy, ...] = ("memory_limit", "lease_lost")
"""What leaves no time for grace: the host's memory, another host that may start the run again."""


def main(arguments: Sequence[str]) -> int | str:
    """Supervise the attempt in a folder. A sentence is returned where nothing was claimed."""
    folder, attempt_id = arguments
    begun = begin(folder, attempt_id)
    if not isinstance(begun, Supervision):
        return begun
    os._exit(begun.run())  # all is written; an orderly end of the interpreter costs 6 ms of CPU


def begin(folder: str, attempt_id: str) -> Supervision | int | str:
    """Take the attempt's claim; an exit code or a sentence where it cannot be had."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
    spawn.close_inherited()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    attempt = AttemptDir(Path(folder).absolute())
    try:
        plan = attempt.read_plan()
    except (OSError, BadRecord) as error:
        return f"nothing was started: the plan of {attempt.path} cannot be read: {error}"
    if plan.attempt_id != attempt_id:
        return f"nothing was started: {attempt.plan} is of attempt {plan.attempt_id}, not of {attempt_id}"
    lock = attempt.take_claim(own_claim(attempt_id))
    if lock is None:
        return CLAIMED_BY_ANOTHER
    spawn.become_subreaper()
    return Supervision(attempt, plan)


class Supervision:
    """The life of one worker. Times are of the monotonic clock unless they end up in a record."""

    def __init__(self, attempt: AttemptDir, plan: Plan) -> None:
        self._attempt = attempt
        self._plan = plan
        self._limits = plan.limits
        self._me = os.getpid()
        self._begun = self._over = time.monotonic()
        self._started_at = time.time()
        self._lease = Lease(attempt, self._begun)
        self._memory = open_limit(plan.limits.memory, plan.attempt_id)
        self._peak = PeakMemory()
        self._silence = Silence((attempt.metrics, attempt.stdout, attempt.stderr), self._begun)
        self._room = KeptRoom(attempt.exit)
        self._no_space: str | None = None
        self._watch: Watch | None = None
        self._files: tuple[FileSeen, ...] = ()
        self._last_line: str | None = None
        self._logs: list[CappedLog] = []
        self._worker: int | None = None
        self._pid: int | None = None
        self._status: int | None = None
        self._ended_by: EndedBy | None = None
        self._notes: list[str] = []
        self._term_at: float | None = None
        self._kill_at: float | None = None
        self._left: set[int] = set()

    def run(self) -> int:
        try:
            self._start()
        except spawn.CannotStart as fault:
            self._ended_by, self._over = fault.ended_by, self._begun
            self._notes.append(str(fault))
        while not self._reap():
            self._look()
            self._obey(self._next_signal())
        return self._leave()

    @property
    def worker_code(self) -> int:
        """How the worker ended, as a shell would say it; 1 where it never began."""
        code = 1 if self._status is None else os.waitstatus_to_exitcode(self._status)
        return code if code >= 0 else 128 - code

    def _start(self) -> None:
        try:
            for path in (self._attempt.stdout, self._attempt.stderr):
                self._logs.append(CappedLog(path, self._limits.log_bytes))
        except OSError as error:
            raise spawn.CannotStart(f"no log can be made: {error}") from None
        outside.make_way(self._plan, self._attempt)
        stdout, stderr = (log.descriptor for log in self._logs)
        ours = {processes.MARK: self._plan.attempt_id, processes.MARK_FOLDER: str(self._attempt.path)}
        command = spawn.Command(
            argv=[_encode(part) for part in self._plan.argv],
            cwd=_encode(self._plan.cwd),
            env={**os.environb, **{_encode(k): _encode(v) for k, v in {**self._plan.env, **ours}.items()}},
            stdout=stdout,
            stderr=stderr,
            cgroup=self._memory.own.path if self._memory.own else None,
        )
        watched = (*self._plan.watched, str(self._attempt.result), str(self._attempt.stdout))
        with bounded_by_death(LEASE_LOST):
            self._watch = Watch(watched, self._attempt.path)
            self._begun, self._started_at = time.monotonic(), time.time()
            self._worker = self._pid = spawn.start(command)
            self._room.keep()

    def _reap(self) -> bool:
        """Reap what has ended. True when nothing is left: what comes from us is, or becomes, our child."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self._worker:
                self._note_end(status)

    def _note_end(self, status: int) -> None:
        self._worker, self._status, self._over = None, status, time.monotonic()
        if self._watch is not None:  # before what is left behind is given time: what it still writes proves nothing
            with bounded_by_death(self._lease.left(self._over)):
                self._last_line = self._declared_last_line()
                self._files = self._watch.again()
                self._no_space = why_no_space(self._attempt.path)
            self._notes += self._watch.faults
        if self._kill_at is None:
            self._term_at = self._over + self._limits.grace

    def _declared_last_line(self) -> str | None:
        declared = self._plan.declared
        with suppress(OSError):
            if declared is not None and declared.last_line is not None:
                return last_line(self._logs[0].end())
        return None

    def _look(self) -> None:
        now = time.monotonic()
        with bounded_by_death(self._lease.left(now)):
            self._look_at_folder(now)
        self._peak.sample(self._me)
        self._look_at_limits(now)
        if self._term_at is not None and now >= self._term_at:
            self._end_rest(now)
        if self._kill_at_is_due():
            was_alone = self._worker is None
            killed = ending.kill_all(self._me, self._reap)
            self._left.update(killed if was_alone else ())

    def _look_at_folder(self, now: float) -> None:
        if not (self._lease.keep(now) and self._lease.has_folder()):
            self._end("lease_lost")
            return
        try:
            for log in self._logs:
                log.cap()
            request = self._attempt.read_end_request()
        except (OSError, BadRecord):  # no request; a failing disk is the lease's business
            return
        if request.attempt_id == self._plan.attempt_id:
            self._end(request.why)

    def _look_at_limits(self, now: float) -> None:
        if self._limits.seconds is not None and now - self._begun > self._limits.seconds:
            self._end("time_limit")
        if self._limits.wall is not None and now - self._begun > self._limits.wall:
            self._end("wall_time")
        if self._limits.silence is not None and self._silence.lasts(now) > self._limits.silence:
            self._end("stalled")
        limit = self._memory.limit
        if self._memory.how == "sampled" and limit is not None and self._peak.peak > limit:
            self._end("memory_limit")

    def _next_signal(self) -> int:
        """Sleep until a child ends, somebody sends us a signal, or it is time for another look (0)."""
        killing = self._kill_at is not None and 0 <= time.monotonic() - self._kill_at < 1
        info = signal.sigtimedwait(_AWAITED, KILLING_TICK if killing else TICK)
        return info.si_signo if info else 0

    def _obey(self, number: int) -> None:
        if number in _ENDING:
            self._end("signal", signal.Signals(number))
        elif number in _PASSED_ON and self._worker is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._worker, number)

    def _end(self, why: EndedBy, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask all to end, and set the time at which they are killed. The first reason is the one that is recorded."""
        now = time.monotonic()
        if why in _AT_ONCE:
            self._term_at, self._kill_at = None, min(now, self._kill_at or now)
        if self._worker is None:  # it ended by itself; what it left behind gets no more grace
            self._term_at = None if self._term_at is None else min(now, self._term_at)
        elif self._ended_by is None:
            self._ended_by = why
            if self._kill_at is None:
                self._kill_at = now + self._limits.grace
                ending.signal_all(self._me, number)

    def _end_rest(self, now: float) -> None:
        self._term_at, self._kill_at = None, now + min(self._limits.grace, AFTER_TERM)
        self._left.update(ending.signal_all(self._me, signal.SIGTERM))

    def _kill_at_is_due(self) -> bool:
        return self._kill_at is not None and time.monotonic() >= self._kill_at

    def _leave(self) -> int:
        with suppress(OSError):
            for log in self._logs:
                log.close()
        record = self._record()
        self._memory.remove()
        return 0 if self._write(record) else CANNOT_RECORD

    def _write(self, record: Exit) -> bool:
        """Write `exit.json`, again and again while the disk is full, but only into the attempt's own folder."""
        deadline = time.monotonic() + RECORD_FOR
        while self._lease.has_folder() and time.monotonic() < deadline:
            with suppress(OSError):
                self._room.write(record)
                return True
            time.sleep(0.5)
        return False

    def _record(self) -> Exit:
        status, memory = self._status, self._memory
        code = None if status is None else os.waitstatus_to_exitcode(status)
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall = self._over - self._begun
        return Exit(
            attempt_id=self._plan.attempt_id,
            exit_code=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else None,
            started_at=self._started_at,
            ended_at=self._started_at + wall,
            wall=wall,
            usage=Usage(user=usage.ru_utime, system=usage.ru_stime),
            memory=MemoryWatch(
                how=memory.how,
                limit=memory.limit,
                peak=self._peak.peak,
                oom_kills=memory.oom_kills(),
                shared_oom_kills=memory.shared_oom_kills(),
                limit_reached=memory.reached(self._peak.peak),
            ),
            left_behind=len(self._left),
            log_bytes_dropped=sum(log.dropped for log in self._logs),
            ended_by=self._ended_by,
            detail="; ".join(self._notes) or None,
            pid=self._pid,
            files=self._files,
            last_line=self._last_line,
            no_space=self._no_space,
        )


def _encode(text: str) -> bytes:
    """As it stands in the plan, whatever the locale says."""
    return text.encode("utf-8", "surrogateescape")

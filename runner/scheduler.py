"""The loop that carries a sweep from its file to its end.

It keeps nothing that it could not read back from the ledger and the attempt folders, so being killed and started again
is its ordinary case. Everything that decides lives in `judge` and `next_step`; this only fetches, starts and writes.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from sqlalchemy.exc import IntegrityError

from db.errors import Refused
from db.ledger import Ledger, OpenAttempt, RunRow
from db.records import Failed, History, Succeeded, Verdict
from db.strict import to_data
from runner.attempt_dir import AttemptDir
from runner.attending import Attended
from runner.launchers.interface import Launcher
from runner.metrics_feed import MetricsFeed
from runner.opening import Opener
from runner.prepare import PreparedRun, PreparedSweep
from runner.processes import boot_id
from runner.provenance import read_source
from runner.requests import take_requests
from runner.resume import newest_checkpoint
from runner.retry import Done, Launch, Stop, Wait, next_step
from runner.slots import Slots

PULSE_SECONDS = 5.0
POLL_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to a run, for whoever watches."""

    run: PreparedRun
    number: int
    what: str


@dataclass
class Scheduler:
    """One process working on one sweep. `interrupted` makes it end its attempts and leave."""

    sweep: PreparedSweep
    ledger: Ledger
    root: Path
    launcher: Launcher
    slots: Slots
    observe: Callable[[Event | None], None]
    rerun_changed: bool = False
    interrupted: bool = False
    running: dict[int, Attended] = field(default_factory=dict)
    settled: dict[str, Done] = field(default_factory=dict)
    _waiting: dict[str, float] = field(default_factory=dict)
    _last_pulse: float = 0.0

    def run(self) -> None:
        """Work until every run is settled, or until interrupted and no attempt is left."""
        self._take_over()
        try:
            while not self._is_over():
                self.tick()
                time.sleep(POLL_SECONDS)
        finally:
            self.ledger.record_no_pulse(self._scheduler_id)

    def tick(self) -> None:
        """One round: wishes, open attempts, next steps, pulse."""
        self._pulse()
        self._carry_out_requests()
        if self.interrupted:
            for attended in self.running.values():
                attended.end("interrupted", self.launcher)
        for attended in list(self.running.values()):
            self._attend(attended)
        if not self.interrupted:
            self._launch_what_is_due()
        self.observe(None)

    @property
    def green(self) -> bool:
        """Whether every run of the sweep is a proven success."""
        return len(self.settled) == len(self.sweep.runs) and all(done.green for done in self.settled.values())

    def _take_over(self) -> None:
        """Record the sweep and this scheduler; adopt what an earlier one left open."""
        runs = [_row(run) for run in self.sweep.runs]
        self._sweep_id = self.ledger.record_sweep(
            name=self.sweep.name,
            digest=self.sweep.digest,
            file=str(self.sweep.file),
            profile=self.sweep.profile,
            profile_reason=self.sweep.profile_reason,
            runs=runs,
        )
        self._scheduler_id = self.ledger.record_scheduler(
            sweep_id=self._sweep_id, host=socket.gethostname(), boot_id=boot_id(), pid=os.getpid()
        )
        self._runs = {run.run_id: run for run in self.sweep.runs}
        self._waiting = {run.run_id: 0.0 for run in self.sweep.runs}
        self._opener = Opener(
            ledger=self.ledger,
            root=self.root,
            launcher=self.launcher,
            scheduler_id=self._scheduler_id,
            code_ids=self._record_code(),
            resources=self.sweep.resources,
            policy=self.sweep.policy,
        )
        self._adopt()

    def _record_code(self) -> dict[str, str]:
        source = read_source(self.sweep.file.parent)
        known = {}
        for fingerprint in {run.code_fingerprint for run in self.sweep.runs}:
            known[fingerprint] = source.code_id(fingerprint)
            self.ledger.record_code(
                code_id=known[fingerprint],
                fingerprint=fingerprint,
                git_commit=source.git_commit,
                git_diff=source.git_diff,
            )
        return known

    def _adopt(self) -> None:
        """Look after every open attempt of our runs, whoever opened it."""
        for opened in self.ledger.read_open_attempts(sweep_id=self._sweep_id):
            if opened.id not in self.running:
                self._look_after(opened, ours=False)

    def _look_after(self, opened: OpenAttempt, *, ours: bool, refused: str | None = None) -> None:
        folder = AttemptDir(self.root / opened.run_id / str(opened.number))
        feed = MetricsFeed(folder.metrics)
        self.running[opened.id] = Attended(opened, folder, ours, feed, refused)
        self._waiting.pop(opened.run_id, None)

    def _attend(self, attended: Attended) -> None:
        verdict = attended.attend(self.ledger, self.launcher)
        if verdict is None:
            return
        del self.running[attended.attempt.id]
        run = self._runs[attended.attempt.run_id]
        self._waiting[run.run_id] = 0.0
        self._tell(run, attended.attempt.number, _verdict_words(verdict))

    def _launch_what_is_due(self) -> None:
        now = time.time()
        due = sorted((when, place) for place, when in enumerate(self._waiting.values()) if when <= now)
        names = list(self._waiting)
        for _, place in due:
            if not self._take_next_step(self._runs[names[place]]):
                return  # no slot is free: what follows has to wait as well

    def _take_next_step(self, run: PreparedRun) -> bool:
        """Decide about one run and do it. False when a slot would be needed and none is free."""
        history = self.ledger.read_history(run.run_id)
        step = next_step(
            history,
            effective_batch=run.settings.train.batch,
            policy=self.sweep.policy,
            now=time.time(),
            rerun_because=self._rerun_because(run, history),
        )
        match step:
            case Launch():
                return self._launch(run, step, history)
            case Wait():
                self._waiting[run.run_id] = step.until if step.until is not None else time.time() + PULSE_SECONDS
                if step.until is None:
                    self._adopt()  # an attempt of a run that another sweep shares
            case Stop():
                self.ledger.record_stop(run.run_id, step.kind, step.because)
                self._settle(run, Done(green=False, because=step.because))
                known = history.attempts and history.attempts[-1].because == step.because
                self._tell(run, 0, "is not tried again" if known else f"is not tried again: {step.because}")
            case Done():
                self._settle(run, step)
        return True

    def _launch(self, run: PreparedRun, step: Launch, history: History) -> bool:
        slot = self.slots.take()
        if slot is None:
            return False
        past = history.attempts[-1].number if history.attempts else 0
        resume = newest_checkpoint(
            self.root / run.run_id,
            history,
            code_fingerprint=run.code_fingerprint,
            planned_steps=run.settings.train.steps,
        )
        try:
            opened, refused = self._opener.open_attempt(run, step.batch, slot, past, resume)
        except IntegrityError as refusal:
            self._after_refusal(run, refusal)
        else:
            self._look_after(opened, ours=True, refused=refused)
            where = f", from step {resume.step} of attempt {resume.attempt}" if resume else ""
            batch = f"micro batch {step.batch.micro} x {step.batch.accum}"
            self._tell(run, opened.number, f"started: {step.because}, {batch}{where}")
        finally:
            slot.close()  # the supervisor holds it from here on
        return True

    def _after_refusal(self, run: PreparedRun, refusal: IntegrityError) -> None:
        """The ledger would not have the attempt: another sweep opened one, or a later scheduler took this sweep."""
        if "a later scheduler" in str(refusal.orig):
            raise Refused(f"sweep `{self.sweep.name}`: {refusal.orig}") from None
        self._waiting[run.run_id] = time.time() + PULSE_SECONDS
        self._adopt()

    def _rerun_because(self, run: PreparedRun, history: History) -> str | None:
        last = history.attempts[-1] if history.attempts else None
        if not self.rerun_changed or last is None or last.code_fingerprint == run.code_fingerprint:
            return None
        return "the code changed since it succeeded"

    def _settle(self, run: PreparedRun, done: Done) -> None:
        self.settled[run.run_id] = done
        self._waiting.pop(run.run_id, None)

    def _carry_out_requests(self) -> None:
        for request in take_requests(self.root, self._runs):
            run = self._runs[request.run_id]
            if request.verb == "retry":
                self._retry(run)
            else:
                self._cancel(run)

    def _retry(self, run: PreparedRun) -> None:
        if self.ledger.record_reopening(run.run_id):
            self.settled.pop(run.run_id, None)
            self._waiting[run.run_id] = 0.0
            self._tell(run, 0, "retry was asked for")

    def _cancel(self, run: PreparedRun) -> None:
        if run.run_id in self.settled:
            return
        self.ledger.record_stop(run.run_id, "cancelled", "somebody cancelled it")
        self._waiting[run.run_id] = 0.0
        for attended in self.running.values():
            if attended.attempt.run_id == run.run_id:
                attended.end("cancelled", self.launcher)
                del self._waiting[run.run_id]
        self._tell(run, 0, "cancelled")

    def _is_over(self) -> bool:
        return not self.running and (self.interrupted or not self._waiting)

    def _pulse(self) -> None:
        if abs(time.monotonic() - self._last_pulse) >= PULSE_SECONDS:
            self.ledger.record_pulse(self._scheduler_id)
            self._last_pulse = time.monotonic()

    def _tell(self, run: PreparedRun, number: int, what: str) -> None:
        self.observe(Event(run=run, number=number, what=what))

    def interrupt(self) -> None:
        """End all attempts and leave. Asked for a second time: leave at once, and let the attempts run on."""
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True


@contextmanager
def interrupted_by_signals(scheduler: Scheduler) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP interrupt the scheduler while the block runs."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        scheduler.interrupt()

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _row(run: PreparedRun) -> RunRow:
    return RunRow(
        run_id=run.run_id,
        label=run.label,
        backbone=run.settings.backbone,
        settings=json.dumps(to_data(run.settings), sort_keys=True),
        effective_batch=run.settings.train.batch,
        planned_steps=run.settings.train.steps,
    )


def _verdict_words(verdict: Verdict) -> str:
    match verdict:
        case Succeeded():
            return f"succeeded: {verdict.because}"
        case Failed():
            return f"{verdict.kind}: {verdict.because}"

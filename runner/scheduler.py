"""The loop that carries a sweep from its file to its end.

It keeps nothing that it could not read back from the ledger and the attempt folders, so being killed and started again
is its ordinary case. Everything that decides lives in `judge` and `next_step`; this only fetches, starts and writes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import IntegrityError

from db.errors import Refused
from db.ledger import Ledger, OpenAttempt
from db.verdicts import Departure, History, Verdict
from runner.attending import Attended
from runner.caution import Caution
from runner.code_book import CodeBook
from runner.deciding import Deciding
from runner.earlier import evaluated, resume_from
from runner.events import Event, words
from runner.foresight import FRESH_SECONDS, Foresight
from runner.launchers.named import Launchers
from runner.open_attempts import OpenAttempts
from runner.opening import Opened, Opener
from runner.placement import Growth, placement
from runner.prepare import PreparedRun, PreparedSweep
from runner.requests import take_requests
from runner.retry import Done, Launch, Stop, Wait, most_evaluated
from runner.slots import Places
from runner.strangers import stranger_lives
from runner.taking_over import take_over
from runner.waiting import Turn, Waiting
from sweeps.units import duration

PULSE_SECONDS = 5.0
POLL_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Where:
    """Where attempts are started: the name of the launcher of new ones, all launchers, and the places that it has.

    `wall`: see `db.records.Limits`; `growth`: how much memory it may be asked for, where it may be more than at first.
    """

    launcher: str
    launchers: Launchers
    places: Places
    wall: float | None = None
    growth: Growth | None = None


class Scheduler:
    """One process working on one sweep, from taking it over to its end."""

    def __init__(
        self,
        sweep: PreparedSweep,
        ledger: Ledger,
        root: Path,
        where: Where,
        observe: Callable[[Event | None], None],
        foresight: Foresight,
        *,
        rerun_changed: bool = False,
    ) -> None:
        self.sweep = sweep
        self.slots = where.places
        self.runs = {run.run_id: run for run in sweep.runs}
        self.settled: dict[str, Done] = {}
        self.lacks_slot = False
        self.interrupted = False
        self._caution = Caution(where.places, sweep.policy.stop_after)
        self._ledger = ledger
        self._root = root
        self._observe = observe
        self._foresight = foresight
        self._tenure = take_over(ledger, sweep)
        self._open = OpenAttempts(ledger, root, where.launchers, sweep=sweep.name, sweep_id=self._tenure.sweep_id)
        self._opener = Opener(
            ledger=ledger,
            root=root,
            sweep=sweep.name,
            launcher=where.launchers.named(where.launcher),
            scheduler_id=self._tenure.scheduler_id,
            code=CodeBook(ledger),
            foresight=foresight,
            resources=sweep.resources,
            policy=sweep.policy,
            wall=where.wall,
        )
        self._opened: list[tuple[Opened, str]] = []
        # What was begun comes before what was not.
        self._waiting = Waiting()
        self._fresh = dict.fromkeys(self.runs)
        self._deciding = Deciding(
            root=root,
            policy=sweep.policy,
            waiting=self._waiting,
            foresight=foresight,
            rerun_changed=rerun_changed,
            growth=where.growth,
        )
        self._last_pulse = time.monotonic()

    def run(self) -> None:
        """Work until every run is settled, or until interrupted and no attempt is left.

        An error of its own is no departure: its pulse ends, as if it had been killed.
        """
        self._adopt()
        try:
            while not (self._is_over() and self._nothing_was_reopened()):
                self._tick()
                time.sleep(POLL_SECONDS)
        except KeyboardInterrupt:
            self._ledger.record_departure(self._tenure.scheduler_id, "broken_off")
            raise
        self._ledger.record_departure(self._tenure.scheduler_id, self._departure)

    def interrupt(self) -> None:
        """End all attempts and leave. Asked for a second time: leave at once, and let the attempts run on."""
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True

    @property
    def running(self) -> Mapping[int, Attended]:
        """The attempts that are looked after now."""
        return self._open.attended

    @property
    def unheard(self) -> str | None:
        """Who does not answer that is to start attempts, and why; nothing where it does."""
        launcher = self._opener.launcher
        why = launcher.why_not_now()
        return f"{launcher.name} does not answer: {why}" if why else None

    @property
    def older_code(self) -> Collection[str]:
        """Labels of runs that succeeded under other code and were not tried again."""
        return self._deciding.older_code

    @property
    def _departure(self) -> Departure:
        """How it leaves now that it is over."""
        if len(self.settled) == len(self.runs):
            return "settled"
        return "interrupted" if self.interrupted else "halted"

    @property
    def halted(self) -> str | None:
        """Why no further attempt is started, where runs failed alike."""
        return self._caution.halted

    @property
    def green(self) -> bool:
        """Whether every run of the sweep is a proven success."""
        return len(self.settled) == len(self.runs) and all(done.green for done in self.settled.values())

    def _is_over(self) -> bool:
        waiting = self._waiting or (self._fresh and not self.halted)
        return not self.running and (self.interrupted or not waiting)

    def _nothing_was_reopened(self) -> bool:
        """Another sweep that shares a run may have taken it up again since it was settled here."""
        red = [] if self.interrupted else [run_id for run_id, done in self.settled.items() if not done.green]
        reopened = [run_id for run_id in red if not self._ledger.read_history(run_id).stopped]
        for run_id in reopened:
            del self.settled[run_id]
            self._waiting.put(run_id)
        return not reopened

    def _tick(self) -> None:
        """One round: pulse, wishes, open attempts, next steps."""
        self._pulse()
        self._carry_out_requests()
        if self.interrupted:
            self._open.end("interrupted")
        for attempt, verdict in self._open.attend(before=self._pulse):
            self._conclude(attempt, verdict)
        if not self.interrupted:
            self._take_next_steps()
        self._observe(None)

    def _pulse(self) -> None:
        if time.monotonic() - self._last_pulse >= PULSE_SECONDS:
            self._ledger.record_pulse(self._tenure.scheduler_id)
            self._last_pulse = time.monotonic()

    def left_open(self) -> list[tuple[str, int]]:
        """Run and number of the open attempts of runs that the sweep, which was changed since, no longer names."""
        ours = [one for one in self._ledger.read_open_attempts() if one.sweep == self.sweep.name]
        return [(one.run_id, one.number) for one in ours if one.run_id not in self.runs]

    def _adopt(self) -> None:
        """Look after every open attempt of our runs, whoever opened it."""
        for run_id in self._open.adopt():
            self._waiting.drop(run_id)

    def _conclude(self, attempt: OpenAttempt, verdict: Verdict) -> None:
        run = self.runs[attempt.run_id]
        self._foresight.forget()
        self._waiting.put(run.run_id)
        self._tell(run, attempt.number, words(verdict))
        why = self._caution.learn_from(attempt, verdict)
        if why:
            self._tell(run, 0, f"{why}; no further attempt is started")

    def _take_next_steps(self) -> None:
        """Open all attempts that there is room for now, then submit them together."""
        try:
            self._open_next()
            self._submit()
        finally:
            for opened, _ in self._opened:
                opened.slot.close()  # the supervisor holds it from here on
            self._opened.clear()

    def _open_next(self) -> None:
        for run_id in self._waiting.due():
            self._pulse()  # each opening waits for the disk
            turn = self._take_next_step(self.runs[run_id])
            if turn is Turn.NO_SLOT:
                return
            if turn is Turn.HELD:
                self._waiting.put(run_id, FRESH_SECONDS)
        while not (self.halted or self.interrupted):
            self._pulse()
            run_id = next((it for it in self._fresh if not self._foresight.is_held(self.runs[it])), "")
            turn = self._take_next_step(self.runs[run_id]) if run_id else Turn.NO_SLOT
            if turn is Turn.NO_SLOT:
                return
            if turn is Turn.TAKEN:
                del self._fresh[run_id]

    def _submit(self) -> None:
        submitted = self._opener.submit([opened for opened, _ in self._opened])
        for opened, (_, how) in zip(submitted, self._opened, strict=True):
            self._open.look_after(opened.attempt, lambda: True, opened.refused)
            if opened.refused is None:
                self._tell(self.runs[opened.attempt.run_id], opened.attempt.number, how)

    def _take_next_step(self, run: PreparedRun) -> Turn:
        """Decide about one run and do it."""
        if run.run_id in self.settled or self._open.has(run.run_id):
            return Turn.TAKEN
        history = self._ledger.read_history(run.run_id)
        step = self._deciding.next_step(run, history)
        match step:
            case Launch() if self.halted:
                self._waiting.drop(run.run_id)  # for the next `runner sweep`
            case Launch():
                return self._launch(run, step, history)
            case Wait():
                self._waiting.put(run.run_id, PULSE_SECONDS if step.seconds is None else step.seconds)
                if step.seconds is None:
                    self._adopt()  # another sweep shares the run and has an attempt of it open
                else:
                    self._tell(run, 0, f"is tried again in {duration(step.seconds)}")
            case Stop():
                self._ledger.record_stop(run.run_id, step.kind, step.because)
                self._settle(run, Done(green=False, because=step.because))
                known = history.attempts and history.attempts[-1].because == step.because
                self._tell(run, 0, "is not tried again" if known else f"is not tried again: {step.because}")
            case Done():
                self._settle(run, step)
        return Turn.TAKEN

    def _launch(self, run: PreparedRun, step: Launch, history: History) -> Turn:
        past = history.attempts[-1].number if history.attempts else 0
        in_flight = {*self.running, *(opened.attempt.id for opened, _ in self._opened)}
        if self._foresight.trial(run, step.batch, in_flight):
            return Turn.HELD
        if stranger_lives(self._root / run.run_id, past):
            self._waiting.put(run.run_id, PULSE_SECONDS)
            return Turn.TAKEN
        slot = self._caution.take_slot(self._count_started_here())
        self.lacks_slot = slot is None
        if slot is None:
            return Turn.NO_SLOT
        resume = resume_from(self._root, run, history)
        try:
            evaluate = most_evaluated(history, evaluated(self._root, run, history))
            where = placement(history, self._deciding.growth)
            opened = self._opener.open_attempt(run, step.batch, slot, past, resume, evaluate, where)
        except IntegrityError as refusal:
            slot.close()
            self._after_refusal(run, refusal)
            return Turn.TAKEN
        except BaseException:
            slot.close()
            raise
        self._foresight.forget()
        self._waiting.drop(run.run_id)
        begins = f", from step {resume.step} of attempt {resume.attempt}" if resume else ""
        batch = f", micro batch {step.batch.micro} x {step.batch.accum}" if step.batch.effective > 1 else ""
        self._opened.append((opened, f"{self._opener.verb}: {step.because}{batch}{begins}"))
        return Turn.TAKEN

    def _count_started_here(self) -> int:
        """How many of the open attempts this sweep started where it starts attempts now."""
        ours = (self.sweep.name, self._opener.launcher.name)
        begun = sum((it.attempt.sweep, it.attempt.launcher) == ours for it in self.running.values())
        return begun + len(self._opened)

    def _after_refusal(self, run: PreparedRun, refusal: IntegrityError) -> None:
        """The ledger would not have the attempt: another sweep opened one, or a later scheduler took this sweep."""
        if "a later scheduler" in str(refusal.orig):
            raise Refused(f"sweep `{self.sweep.name}`: {refusal.orig}") from None
        self._waiting.put(run.run_id, PULSE_SECONDS)
        self._adopt()

    def _settle(self, run: PreparedRun, done: Done) -> None:
        self.settled[run.run_id] = done
        self._waiting.drop(run.run_id)

    def _carry_out_requests(self) -> None:
        for request in take_requests(self._root, self.runs):
            run = self.runs[request.run_id]
            if request.verb == "retry":
                self._retry(run)
            else:
                self._cancel(run)

    def _retry(self, run: PreparedRun) -> None:
        if self._ledger.record_reopening(run.run_id):
            self.settled.pop(run.run_id, None)
            self._waiting.put(run.run_id)
            self._tell(run, 0, "retry was asked for")

    def _cancel(self, run: PreparedRun) -> None:
        history = self._ledger.read_history(run.run_id)
        if history.stopped or history.succeeded:
            return
        self._ledger.record_stop(run.run_id, "cancelled", "somebody cancelled it")
        self.settled.pop(run.run_id, None)
        self._waiting.put(run.run_id)
        self._adopt()
        self._open.end("cancelled", run.run_id)
        self._tell(run, 0, "cancelled")

    def _tell(self, run: PreparedRun, number: int, what: str) -> None:
        self._observe(Event(run=run, number=number, what=what))

"""All that is asked before a run's next step is decided: its history, its code, the clock, its memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from db.verdicts import History
from runner.earlier import evaluated, got_further, never_asked
from runner.failures import BY_WORD, Remedy
from runner.foresight import Foresight
from runner.placement import Growth
from runner.prepare import PreparedRun
from runner.retry import Launch, Means, NextStep, next_step
from runner.seen import First
from runner.waiting import Waiting
from sweeps.settings import Policy


@dataclass(frozen=True, kw_only=True)
class Deciding:
    """`older_code` are the labels of runs that succeeded under other code, with which it is content."""

    root: Path
    policy: Policy
    waiting: Waiting
    foresight: Foresight
    rerun_changed: bool
    growth: Growth | None = None
    older_code: set[str] = field(default_factory=set)

    def next_step(self, run: PreparedRun, history: History) -> NextStep:
        last = history.attempts[-1] if history.attempts else None
        first = First(batch=last.batch) if last else self.foresight.first(run)
        step = next_step(
            history,
            first=first.batch,
            why_first=first.because,
            means=self._means(run, history),
            policy=self.policy,
            waited=self.waiting.since_verdict(run.run_id, last) if last else 0.0,
            rerun_because=self._rerun_because(run, history),
            salt=run.run_id,
        )
        if last and isinstance(step, Launch):
            return replace(step, batch=self.foresight.later(run, step.batch))
        return step

    def _means(self, run: PreparedRun, history: History) -> Means:
        if not history.attempts:
            return Means()
        last = history.attempts[-1]
        kind = BY_WORD.get(last.failure_kind or "")
        resumes = kind is not None and kind.remedy is Remedy.RESUME  # a checkpoint is read to be sure of it: not always
        return Means(
            why_indivisible=run.work.why_indivisible or never_asked(self.root, run, history),
            evaluating=evaluated(self.root, run, history).get(last.number),
            got_further=resumes and got_further(self.root, run, history),
            growth=self.growth,
        )

    def _rerun_because(self, run: PreparedRun, history: History) -> str | None:
        last = history.attempts[-1] if history.attempts else None
        if last is None or last.verdict != "succeeded" or last.code_fingerprint == run.work.code_fingerprint:
            return None
        if self.rerun_changed:
            return "the code changed since it succeeded"
        self.older_code.add(run.label)
        return None

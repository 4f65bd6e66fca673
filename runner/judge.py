"""From evidence to verdict. Pure: the same evidence always gets the same verdict.

The default is *not* success. Every witness is heard; only when all of them agree is the attempt a success, and then no
text in any log can make it a failure.
"""

from __future__ import annotations

import math

from db.records import Exit, Plan, Result
from db.verdicts import Failed, Measured, Succeeded, Testimony, Verdict
from runner.evidence import Evidence, Unreadable
from runner.failures import FAILURE_KINDS
from runner.recognisers import how_it_ended

ACCEPTED_ENDS = (None, "cancelled", "interrupted", "signal", "time_limit")
"""A worker that finished all its work, exit code 0 and result included, while it was being asked to end, has succeeded.
One that was ended for its memory, or that was no longer the run's attempt, has not."""


def judge(evidence: Evidence) -> Verdict:
    """Hear all witnesses of an attempt that is over."""
    lines = hear(evidence)
    if all(line.agrees for line in lines) and evidence.result_sha256 is not None:
        because = f"all {len(lines)} witnesses agree"
        return Succeeded(because=because, evidence=lines, result_sha256=evidence.result_sha256)
    kind, because = _name(evidence, lines)
    exit_ = evidence.own_exit
    return Failed(
        kind=kind,
        because=because,
        evidence=lines,
        exit_code=exit_.exit_code if exit_ else None,
        signal=exit_.signal if exit_ else None,
        oom_kills=exit_.memory.oom_kills if exit_ else 0,
        result_sha256=evidence.result_sha256,
    )


def _name(evidence: Evidence, lines: tuple[Testimony, ...]) -> tuple[str, str]:
    for kind in FAILURE_KINDS:
        because = kind.recognise(evidence)
        if because:
            doubts = "; ".join(line.said for line in lines if not line.agrees)
            unsaid = kind.word == "incomplete" and evidence.error is None
            return kind.word, f"{because}: {doubts}" if unsaid else because
    return "contradiction", "; ".join(line.said for line in lines if not line.agrees)


def hear(evidence: Evidence) -> tuple[Testimony, ...]:
    """What each witness says. A witness that is missing does not agree."""
    plan = evidence.plan
    if not isinstance(plan, Plan):
        why = plan.why if isinstance(plan, Unreadable) else "plan.json is missing"
        return (Testimony(witness="plan", said=why, agrees=False),)
    claim = _hear_claim(evidence, plan)
    return (claim, *_hear_exit(evidence.exit, plan), *_hear_result(evidence.result, plan, evidence.own_exit))


def _hear_claim(evidence: Evidence, plan: Plan) -> Testimony:
    claim = evidence.claim
    if claim is None:
        return Testimony(witness="claim", said="nobody claimed the attempt", agrees=False)
    if isinstance(claim, Unreadable):
        return Testimony(witness="claim", said=claim.why, agrees=False)
    agrees = claim.attempt_id == plan.attempt_id and not claim.fenced
    who = "the scheduler, so that it never starts" if claim.fenced else f"process {claim.pid} on {claim.host}"
    return Testimony(witness="claim", said=f"claimed by {who}", agrees=agrees)


def _hear_exit(exit_: Exit | Unreadable | None, plan: Plan) -> tuple[Testimony, ...]:
    if not isinstance(exit_, Exit):
        why = exit_.why if isinstance(exit_, Unreadable) else "exit.json is missing"
        return (Testimony(witness="exit", said=why, agrees=False),)
    if exit_.attempt_id != plan.attempt_id:
        said = f"exit.json belongs to attempt {exit_.attempt_id}"
        return (Testimony(witness="exit", said=said, agrees=False),)
    ended = how_it_ended(exit_.exit_code, exit_.signal)
    kills = exit_.memory.oom_kills
    return (
        Testimony(witness="exit", said=ended, agrees=exit_.exit_code == 0 and exit_.signal is None),
        Testimony(
            witness="supervisor",
            said=f"ended it: {exit_.ended_by}" if exit_.ended_by else "did not have to end it",
            agrees=exit_.ended_by in ACCEPTED_ENDS,
        ),
        Testimony(witness="kernel", said=f"{kills} out-of-memory kills among its processes", agrees=kills == 0),
    )


def _hear_result(result: Result | Unreadable | None, plan: Plan, exit_: Exit | None) -> tuple[Testimony, ...]:
    if not isinstance(result, Result):
        why = result.why if isinstance(result, Unreadable) else "result.json is missing"
        return (Testimony(witness="result", said=why, agrees=False),)
    own = (result.attempt_id, result.run_id) == (plan.attempt_id, plan.run_id)
    whose = "of this attempt" if own else f"of attempt {result.attempt_id} of run {result.run_id}"
    error = f"reports {result.error.type}" if result.error else "reports no error"
    writer = "" if _by_its_worker(result, exit_) else f", written by process {result.pid}, which is not the one seen"
    reached = result.start_step + result.steps_done
    bad = [name for name in plan.required_metrics if not math.isfinite(result.metrics.get(name, math.nan))]
    metrics = (
        f"missing or not finite: {', '.join(bad)}" if bad else f"all {len(plan.required_metrics)} there and finite"
    )
    return (
        Testimony(witness="result", said=f"{whose}, {error}{writer}", agrees=own and not (result.error or writer)),
        Testimony(
            witness="steps",
            said=f"{reached} of {plan.planned_steps} steps done, from step {result.start_step}",
            agrees=reached == plan.planned_steps and result.start_step == plan.start_step,
        ),
        Testimony(witness="metrics", said=f"required metrics: {metrics}", agrees=not bad),
        Testimony(
            witness="parameters",
            said="parameters changed" if result.parameters_changed else "no parameter changed",
            agrees=result.parameters_changed,
        ),
        *_hear_code(result, plan),
    )


def _by_its_worker(result: Result, exit_: Exit | None) -> bool:
    """Whether the process that wrote the result is the one whose end was seen, as far as both are named."""
    return exit_ is None or None in (exit_.pid, result.pid) or exit_.pid == result.pid


def _hear_code(result: Result, plan: Plan) -> tuple[Testimony, ...]:
    if plan.code_fingerprint is None:
        return ()
    same = result.code_fingerprint == plan.code_fingerprint
    said = "the code that was checked before launch" if same else "not the code that was checked before launch"
    return (Testimony(witness="code", said=f"ran {said}", agrees=same),)


def measure(evidence: Evidence, opened_at: float) -> Measured:
    """What the attempt cost, as far as its witnesses know."""
    exit_, result = evidence.own_exit, evidence.own_result
    environment = result.environment if result else None
    known = {key: getattr(environment, key) for key in ("host", "python", "torch", "driver", "device") if environment}
    if result:
        seconds = {key: getattr(result.seconds, key) for key in ("start", "data", "train", "evaluate")}
        known |= {**seconds, "parameters": result.parameters, "data_fingerprint": result.data_fingerprint}
        known |= {"peak_memory": result.peak_memory}
    if exit_:
        known |= {
            "started_at": exit_.started_at,
            "ended_at": exit_.ended_at,
            "wall": exit_.wall,
            "cpu": exit_.usage.user + exit_.usage.system,
            "queue": max(0.0, exit_.started_at - opened_at),
            "peak_host_memory": exit_.memory.peak,
            "memory_limit": exit_.memory.limit,
            "memory_limited_by": exit_.memory.how,
        }
    return Measured(**known)

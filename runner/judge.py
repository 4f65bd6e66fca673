"""From evidence to verdict. Pure: the same evidence always gets the same verdict.

The default is *not* success. Every witness is heard; only when all of them agree is the attempt a success, and then no
text in any log can make it a failure. A command that is asked for no evidence and gives none is unverified at best.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from typing import Any

from db.declared import Declared
from db.records import Claim, Exit, MemoryWatch, Plan, Result
from db.verdicts import Failed, Measured, Succeeded, Testimony, Unverified, Verdict
from runner.evidence import Evidence, Proof, Unreadable
from runner.failures import FAILURE_KINDS
from runner.recognisers.words import how_it_ended

ACCEPTED_ENDS = (None, "cancelled", "interrupted", "signal", "time_limit", "wall_time", "stalled")
"""A worker that finished all its work, exit code 0 and result included, while it was being asked to end, has succeeded.
One that was ended for its memory, or that was no longer the run's attempt, has not. A command that was asked to end may
save what it has and exit with code 0: it has succeeded only where something declared tells that it was complete."""


def judge(evidence: Evidence) -> Verdict:
    """Hear all witnesses of an attempt that is over."""
    lines = hear(evidence)
    sha256 = _what_proves_it(evidence)
    if all(line.agrees for line in lines) and isinstance(evidence.plan, Plan):
        if sha256 is not None:
            return Succeeded(because=_agreed(evidence, len(lines)), evidence=lines, result_sha256=sha256)
        if evidence.is_command:
            because = "exit code 0, but its sweep file declares no evidence of success, and it reported none"
            return Unverified(because=because, evidence=lines)
    kind, because = _name(evidence, lines)
    exit_ = evidence.own_exit
    return Failed(
        kind=kind,
        because=because,
        evidence=lines,
        exit_code=exit_.exit_code if exit_ else None,
        signal=exit_.signal if exit_ else None,
        oom_kills=(exit_.memory.oom_kills or 0) if exit_ else 0,
        result_sha256=evidence.result_sha256,
    )


def _name(evidence: Evidence, lines: tuple[Testimony, ...]) -> tuple[str, str]:
    for kind in FAILURE_KINDS:
        because = kind.recognise(evidence)
        if because:
            doubts = "; ".join(line.said for line in lines if not line.agrees and line.said not in because)
            unsaid = kind.word == "incomplete" and evidence.error is None
            return kind.word, f"{because}: {doubts}" if unsaid and doubts else because
    return "contradiction", "; ".join(line.said for line in lines if not line.agrees)


def _what_proves_it(evidence: Evidence) -> str | None:
    """The SHA-256 that a success is kept with; of our own worker it is that of `result.json`."""
    if not evidence.is_command:
        return evidence.result_sha256
    proven = evidence.result_sha256 is not None or evidence.proofs
    return _digest(evidence.result_sha256, evidence.proofs) if proven else None


def _digest(result_sha256: str | None, proofs: Iterable[Proof]) -> str:
    """Of all that proves a success: the SHA-256 of what `sha256sum` would print of it."""
    parts = [("result.json", result_sha256), *((proof.name, proof.sha256) for proof in proofs)]
    return hashlib.sha256("".join(f"{sha256}  {name}\n" for name, sha256 in parts if sha256).encode()).hexdigest()


def hear(evidence: Evidence) -> tuple[Testimony, ...]:
    """What each witness says. A witness that is missing does not agree."""
    plan = evidence.plan
    if not isinstance(plan, Plan):
        why = plan.why if isinstance(plan, Unreadable) else "plan.json is missing"
        return (Testimony(witness="plan", said=why, agrees=False),)
    told = (
        _hear_result(evidence.result, plan, evidence.own_exit)
        if plan.declared is None
        else _hear_command(evidence, plan, plan.declared)
    )
    launcher = _hear_launcher(evidence)
    return (_hear_claim(evidence, plan), *_hear_exit(evidence, plan), *launcher, *told, _hear_numbers(evidence))


def _hear_launcher(evidence: Evidence) -> tuple[Testimony, ...]:
    """Of a launcher that watches what it starts."""
    account = evidence.account
    return () if account is None else (Testimony(witness=account.who, said=account.said, agrees=account.agrees),)


def _hear_numbers(evidence: Evidence) -> Testimony:
    said = "every number it reported is finite" if evidence.reported else "it reported no numbers"
    doubt = evidence.non_finite or evidence.unreadable_numbers
    return Testimony(witness="numbers", said=doubt or said, agrees=doubt is None)


def _hear_claim(evidence: Evidence, plan: Plan) -> Testimony:
    claim = evidence.claim
    if claim is None:
        return Testimony(witness="claim", said="nobody claimed the attempt", agrees=False)
    if isinstance(claim, Unreadable):
        return Testimony(witness="claim", said=claim.why, agrees=False)
    agrees = claim.attempt_id == plan.attempt_id and not claim.fenced
    who = "the scheduler, so that it never starts" if claim.fenced else f"process {claim.pid} on {claim.host}"
    return Testimony(witness="claim", said=f"claimed by {who}", agrees=agrees)


def _hear_exit(evidence: Evidence, plan: Plan) -> tuple[Testimony, ...]:
    exit_ = evidence.exit
    if not isinstance(exit_, Exit):
        why = exit_.why if isinstance(exit_, Unreadable) else "exit.json is missing"
        return (Testimony(witness="exit", said=why, agrees=False),)
    if exit_.attempt_id != plan.attempt_id:
        said = f"exit.json belongs to attempt {exit_.attempt_id}"
        return (Testimony(witness="exit", said=said, agrees=False),)
    ended = how_it_ended(exit_.exit_code, exit_.signal)
    return (
        Testimony(witness="exit", said=ended, agrees=exit_.exit_code == 0 and exit_.signal is None),
        _hear_supervisor(exit_, evidence),
        Testimony(witness="kernel", said=_kills_told(exit_.memory), agrees=not exit_.memory.oom_kills),
    )


def _kills_told(memory: MemoryWatch) -> str:
    if memory.oom_kills is not None:
        return f"{memory.oom_kills} out-of-memory kills among its processes"
    shared = f"; {memory.shared_oom_kills} in the cgroup that it shares with others" * (memory.shared_oom_kills > 0)
    return f"its out-of-memory kills are counted by nobody: no cgroup of its own could be made{shared}"


def _hear_supervisor(exit_: Exit, evidence: Evidence) -> Testimony:
    if exit_.ended_by is None:
        return Testimony(witness="supervisor", said="did not have to end it", agrees=True)
    said, accepted = f"ended it: {exit_.ended_by}", exit_.ended_by in ACCEPTED_ENDS
    if accepted and not evidence.tells_completeness:
        said += ", and nothing declared (at_least, last_line, steps) tells whether it was complete by then"
    return Testimony(witness="supervisor", said=said, agrees=accepted and evidence.tells_completeness)


def _hear_result(result: Result | Unreadable | None, plan: Plan, exit_: Exit | None) -> tuple[Testimony, ...]:
    if not isinstance(result, Result):
        return (_without_result(result),)
    writer = "" if _by_its_worker(result, exit_) else f", written by process {result.pid}, which is not the one seen"
    return (
        _hear_whose(result, plan, writer),
        _hear_steps(result, plan),
        _hear_metrics(result, plan.required_metrics),
        Testimony(
            witness="parameters",
            said="parameters changed" if result.parameters_changed else "no parameter changed",
            agrees=result.parameters_changed,
        ),
        *_hear_code(result, plan),
    )


def _hear_command(evidence: Evidence, plan: Plan, declared: Declared) -> tuple[Testimony, ...]:
    """What the sweep file declares and what it reported; the log decides where nothing but a bare `done` proves it."""
    proofs = tuple(
        Testimony(witness=each.witness, said=each.said, agrees=each.kind is None) for each in evidence.proofs
    )
    missing = (Testimony(witness="files", said="nobody could look at what it left", agrees=False),)
    promised = declared.files or declared.last_line is not None
    reported = _hear_report(evidence, plan, declared)
    proven = bool(promised or (reported and not _is_bare(evidence, plan)))
    log = () if proven and not evidence.signs.shown else (_hear_log(evidence, decides=not proven),)
    both = evidence.disagreement
    differ = () if both is None else (Testimony(witness="metrics", said=both, agrees=False),)
    return (*reported, *(missing if promised and not proofs else proofs), *differ, *log)


def _is_bare(evidence: Evidence, plan: Plan) -> bool:
    """Whether it only says that it is done, which a shell says after a failed command too: no number, no step."""
    result = evidence.own_result
    return result is not None and result.error is None and not result.metrics and plan.planned_steps is None


def _hear_report(evidence: Evidence, plan: Plan, declared: Declared) -> tuple[Testimony, ...]:
    result = evidence.result
    if result is None and not evidence.must_report:
        return ()
    if not isinstance(result, Result):
        return (_without_result(result),)
    names = tuple(dict.fromkeys((*plan.required_metrics, *declared.metrics)))
    return (
        _hear_whose(result, plan, ""),
        *([] if plan.planned_steps is None else [_hear_steps(result, plan)]),
        *([_hear_metrics(result, names)] if names else []),
    )


def _hear_log(evidence: Evidence, *, decides: bool) -> Testimony:
    """Beside a proven success it is only told: a copy of an older result would look the same."""
    shown = ", ".join(evidence.signs.shown)
    exit_ = evidence.own_exit
    kept = " in what was kept of it" if exit_ and exit_.log_bytes_dropped else ""
    said = f"shows {shown}" if shown else f"shows no traceback, no lack of memory or disk, and no NaN{kept}"
    aside = "" if decides else ", which decides nothing where something declared holds: look whether it is new"
    return Testimony(witness="log", said=said + aside, agrees=not (shown and decides))


def _without_result(result: Unreadable | None) -> Testimony:
    return Testimony(witness="result", said=result.why if result else "result.json is missing", agrees=False)


def _hear_whose(result: Result, plan: Plan, writer: str) -> Testimony:
    own = (result.attempt_id, result.run_id) == (plan.attempt_id, plan.run_id)
    whose = "of this attempt" if own else f"of attempt {result.attempt_id} of run {result.run_id}"
    error = f"reports {result.error.type}" if result.error else "reports no error"
    return Testimony(witness="result", said=f"{whose}, {error}{writer}", agrees=own and not (result.error or writer))


def _hear_steps(result: Result, plan: Plan) -> Testimony:
    """All that were planned; of a command, whose loops and last epochs are its own, more are as good."""
    reached = result.start_step + result.steps_done
    beyond = plan.declared is not None and plan.planned_steps is not None and reached > plan.planned_steps
    if plan.declared is not None and result.error is None and not result.steps_done and plan.planned_steps:
        said = f"it did not say how many of {plan.planned_steps} steps it did (`report.done(steps=...)`)"
        return Testimony(witness="steps", said=said, agrees=False)
    return Testimony(
        witness="steps",
        said=f"{reached} of {plan.planned_steps} steps done, from step {result.start_step}",
        agrees=(reached == plan.planned_steps or beyond) and result.start_step == plan.start_step,
    )


def _hear_metrics(result: Result, names: tuple[str, ...]) -> Testimony:
    bad = [name for name in names if not math.isfinite(result.metrics.get(name, math.nan))]
    said = f"missing or not finite: {', '.join(bad)}" if bad else f"all {len(names)} there and finite"
    return Testimony(witness="metrics", said=f"required metrics: {said}", agrees=not bad)


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
    claim = evidence.claim
    known: dict[str, Any] = {"node": evidence.account.node} if evidence.account else {}
    known |= {"host": claim.host if isinstance(claim, Claim) and not claim.fenced else None}
    known |= {key: getattr(environment, key) for key in ("host", "python", "torch", "driver", "device") if environment}
    if exit_ is None and (evidence.refused or _never_began(evidence)):
        known |= {"wall": 0.0, "cpu": 0.0}
    if result:
        seconds = {key: getattr(result.seconds, key) for key in ("start", "data", "train", "evaluate")}
        known |= {**seconds, "parameters": result.parameters, "data_fingerprint": result.data_fingerprint}
        known |= {"peak_memory": result.peak_memory, "peak_reserved": result.peak_reserved}
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
            "memory_limit_reached": exit_.memory.limit_reached,
        }
    return Measured(**known)


def _agreed(evidence: Evidence, count: int) -> str:
    account = evidence.account
    if account is None or account.heard:
        return f"all {count} witnesses agree"
    return f"all {count - 1} witnesses that were heard agree; {account.who} was not"


def _never_began(evidence: Evidence) -> bool:
    claim = evidence.claim
    return evidence.plan is not None and isinstance(claim, Claim) and claim.fenced

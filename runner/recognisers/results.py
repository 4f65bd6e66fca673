"""Recognised by the result, the declared files and the reported numbers: there, its own, complete, finite?"""

from __future__ import annotations

from db.records import Plan, Result
from runner.evidence import Evidence, FaultKind, Unreadable
from runner.recognisers.words import Recogniser, ended_well, how_it_ended, silent_crash


def reported_non_finite(evidence: Evidence) -> str | None:
    return f"it reported that {evidence.non_finite}" if evidence.non_finite and evidence.error is None else None


def declared_non_finite(evidence: Evidence) -> str | None:
    bad = (proof.said for proof in evidence.proofs if proof.kind == "non_finite")
    return next(bad, None) if evidence.error is None else None


def unproven(kind: FaultKind) -> Recogniser:
    """The first thing declared that does not hold names the failure."""

    def recognise(evidence: Evidence) -> str | None:
        first = next((proof for proof in evidence.proofs if proof.kind), None)
        crash = evidence.error is not None or silent_crash(evidence) or not ended_well(evidence)
        return _beside_memory(first.said, evidence) if first and first.kind == kind and not crash else None

    return recognise


def _beside_memory(said: str, evidence: Evidence) -> str:
    line = evidence.signs.cuda_oom or evidence.signs.host_oom
    return f"{said}; its log shows a lack of memory too: {line}" if line else said


def contradiction(evidence: Evidence) -> str | None:
    exit_, result = evidence.own_exit, evidence.own_result
    if exit_ is None or result is None or result.error is not None or exit_.exit_code == 0 or silent_crash(evidence):
        return None
    return f"its result says it is complete, but it ended with {how_it_ended(exit_.exit_code, exit_.signal)}"


def denied_by_launcher(evidence: Evidence) -> str | None:
    """A clean end by all that it left itself, and another one by who started it."""
    account = evidence.account
    if account is None or account.agrees or not ended_well(evidence) or silent_crash(evidence):
        return None
    return f"it ended with exit code 0, but {account.who} says: {account.said}"


def other_process(evidence: Evidence) -> str | None:
    """The exit code that was seen says nothing of a process that went on after it."""
    exit_, result = evidence.own_exit, evidence.own_result
    if exit_ is None or result is None or result.error is not None or None in (exit_.pid, result.pid):
        return None
    if evidence.is_command:  # behind a shell, or one of many ranks
        return None
    if exit_.pid == result.pid:
        return None
    return f"process {result.pid} wrote its result, but it is process {exit_.pid} whose end was seen"


def other_code(evidence: Evidence) -> str | None:
    plan, result = evidence.plan, evidence.own_result
    if not isinstance(plan, Plan) or plan.code_fingerprint is None or result is None or result.error is not None:
        return None
    if evidence.is_command:
        return None
    same = result.code_fingerprint == plan.code_fingerprint
    return None if same else "it ran other code than what was checked before launch; run the sweep again"


def no_result(evidence: Evidence) -> str | None:
    if evidence.own_exit is None or evidence.result is not None or not evidence.must_report:
        return None
    if not evidence.is_command:
        return "it ended with exit code 0 but left no result"
    reported = "it reported metrics" if evidence.reported else "it ended with exit code 0"
    return f"{reported} but never said that it was done (`report.done`)"


def disagreeing(evidence: Evidence) -> str | None:
    """Two sources of one metric that differ: nobody can tell which of them is the result."""
    sound = ended_well(evidence) and not any(proof.kind for proof in evidence.proofs)
    return evidence.disagreement if sound and not silent_crash(evidence) else None


def bad_result(evidence: Evidence) -> str | None:
    if isinstance(evidence.result, Unreadable):
        return f"its result cannot be believed: {evidence.result.why}"
    if isinstance(evidence.result, Result) and evidence.own_result is None:
        return f"its result belongs to attempt {evidence.result.attempt_id} of run {evidence.result.run_id}"
    return evidence.unreadable_numbers


def incomplete(evidence: Evidence) -> str | None:
    result = evidence.own_result
    doubt = evidence.disagreement or evidence.unreadable_numbers or isinstance(evidence.claim, Unreadable)
    denied = evidence.account is not None and not evidence.account.agrees
    elsewhere = silent_crash(evidence) or doubt or denied or any(proof.kind for proof in evidence.proofs)
    if result is None or result.error is not None or not ended_well(evidence) or elsewhere:
        return None
    return "its result is not complete"

"""How the evidence of an attempt that did not succeed is recognised, one function a sign.

Each looks at the evidence and returns the reason, in a sentence a tired person understands, or None. The type of an
exception is asked before any text.
"""

from __future__ import annotations

import re
import signal as signals
from collections.abc import Callable, Sequence
from typing import Literal

from db.records import EndRequest, Plan, Result
from runner.device_signs import BUSY, FAULTY, memory_of_others
from runner.evidence import Evidence, FaultKind, Unreadable
from runner.tracebacks import Tracebacks
from sweeps.units import size

Recogniser = Callable[[Evidence], str | None]


def ended_by(*reasons: str) -> Recogniser:
    said = {
        "cancelled": "it was cancelled",
        "interrupted": "the scheduler was told to stop, and ended it",
        "revoked": "the attempt was revoked",
        "lease_lost": "its supervisor could no longer prove that it lived",
        "time_limit": "it ran longer than its time limit",
        "stalled": "it gave no sign of life any more",
        "memory_limit": "its anonymous memory went above the limit",
        "signal": "its supervisor was told to end by a signal",
        "could_not_start": "its command could not be started",
        "file_in_the_way": "its command was not started",
    }

    def recognise(evidence: Evidence) -> str | None:
        exit_ = evidence.own_exit
        if exit_ is None or exit_.ended_by not in reasons:
            return None
        return said[exit_.ended_by] + (f": {exit_.detail}" if exit_.detail else "")

    return recognise


def error(kind: str) -> Recogniser:
    def recognise(evidence: Evidence) -> str | None:
        error = evidence.error
        return _headline(error.type, error.message) if error and error.kind == kind else None

    return recognise


def _headline(kind: str, message: str) -> str:
    name, first = kind.rpartition(".")[2], message.strip().partition("\n")[0]
    return f"{name}: {first}" if first else name


def any_of(*recognisers: Recogniser) -> Recogniser:
    def recognise(evidence: Evidence) -> str | None:
        return next((because for each in recognisers if (because := each(evidence))), None)

    return recognise


def device_busy(evidence: Evidence) -> str | None:
    """Memory that others hold teaches nothing about what the attempt needs."""
    others = memory_of_others(_said_of_memory(evidence))
    if others is not None:
        return f"other processes held {size(others)} of the GPU's memory"
    return _said_by_cuda(evidence, BUSY) or shown("device_busy")(evidence)


def device_fault(evidence: Evidence) -> str | None:
    return _said_by_cuda(evidence, FAULTY) or shown("device_fault")(evidence)


def _said_of_memory(evidence: Evidence) -> str:
    error = evidence.error
    return (error.message if error.kind == "cuda_oom" else "") if error else evidence.signs.cuda_oom or ""


def _said_by_cuda(evidence: Evidence, patterns: Sequence[str]) -> str | None:
    error = evidence.error
    said = error is not None and any(re.search(pattern, error.message) for pattern in patterns)
    return _headline(error.type, error.message) if error and said else None


def node_lost(evidence: Evidence) -> str | None:
    if evidence.launcher_says == "node_lost":
        return "the launcher says that its node failed"
    return "its host was restarted while it ran" if evidence.restarted and evidence.own_exit is None else None


def preempted(evidence: Evidence) -> str | None:
    return (
        "the launcher says that something more urgent took its place" if evidence.launcher_says == "preempted" else None
    )


def shown(sign: Literal["cuda_oom", "host_oom", "disk_full", "device_busy", "device_fault"]) -> Recogniser:
    """Text names only the kind of an attempt that failed anyway, and only where no exception was reported."""

    def recognise(evidence: Evidence) -> str | None:
        line: str | None = getattr(evidence.signs, sign)
        return line if evidence.error is None and not (sign in _OFTEN_HANDLED and _went_on(evidence)) else None

    return recognise


_OFTEN_HANDLED = ("cuda_oom", "host_oom")


def _went_on(evidence: Evidence) -> bool:
    """Whether it ended well after all, and only lacks something declared: then that is the reason."""
    lacks = any(proof.kind for proof in evidence.proofs)
    return lacks and _ended_well(evidence) and not _silent_crash(evidence)


def nan_shown(evidence: Evidence) -> str | None:
    """Where nothing tells more: many a crash comes after a NaN without coming from it."""
    signs = evidence.signs
    stopped = signs.nan is not None and _STOPPED.search(signs.nan)
    if not signs.nan or signs.traceback or evidence.error or not (stopped or _ended_well(evidence)):
        return None
    return f"its log shows NaN: {signs.nan}"


_STOPPED = re.compile(r"\bis [-+]?(?:nan|inf), stopping", re.IGNORECASE)
"""What many scripts say before they exit with code 1."""


def reported_non_finite(evidence: Evidence) -> str | None:
    return f"it reported that {evidence.non_finite}" if evidence.non_finite and evidence.error is None else None


def declared_non_finite(evidence: Evidence) -> str | None:
    bad = (proof.said for proof in evidence.proofs if proof.kind == "non_finite")
    return next(bad, None) if evidence.error is None else None


def unproven(kind: FaultKind) -> Recogniser:
    """The first thing declared that does not hold names the failure."""

    def recognise(evidence: Evidence) -> str | None:
        first = next((proof for proof in evidence.proofs if proof.kind), None)
        crash = evidence.error is not None or _silent_crash(evidence) or not _ended_well(evidence)
        return _beside_memory(first.said, evidence) if first and first.kind == kind and not crash else None

    return recognise


def _beside_memory(said: str, evidence: Evidence) -> str:
    line = evidence.signs.cuda_oom or evidence.signs.host_oom
    return f"{said}; its log shows a lack of memory too: {line}" if line else said


def _lacking(evidence: Evidence) -> str:
    """What is declared and does not hold, after a crash that was to be a success."""
    return "".join(f"; {proof.said}" for proof in evidence.proofs if proof.kind)[:500]


def _ended_well(evidence: Evidence) -> bool:
    exit_ = evidence.own_exit
    return exit_ is not None and exit_.exit_code == 0


def _silent_crash(evidence: Evidence) -> bool:
    """A command that fails, shows a traceback, and ends with exit code 0 all the same: behind `| tee`, say."""
    return evidence.is_command and evidence.signs.traceback is not None


def refused(evidence: Evidence) -> str | None:
    return f"the launcher refused it: {evidence.refused}" if evidence.refused else None


def ended_without_space(evidence: Evidence) -> str | None:
    """Where not even the reason could be written down. Whoever was killed, or says another reason, has that one."""
    exit_, said = evidence.own_exit, evidence.signs.traceback
    if exit_ is None or exit_.no_space is None or exit_.ended_by is not None or evidence.error is not None:
        return None
    if killed(evidence) or said not in (None, Tracebacks.BEGIN):
        return None
    ended = how_it_ended(exit_.exit_code, exit_.signal)
    return f"it ended with {ended} when nothing more could be written into its folder: {exit_.no_space}"


def fenced(evidence: Evidence) -> str | None:
    claim = evidence.claim
    if claim is None or isinstance(claim, Unreadable) or not claim.fenced:
        return None
    if evidence.plan is None and evidence.submitted:
        return None  # it was there, and may have run
    return "the scheduler that opened it was gone before anything started; it can never start now"


def cancelled_before_start(evidence: Evidence) -> str | None:
    request = evidence.end_request
    cancelled = isinstance(request, EndRequest) and request.why == "cancelled"
    return "it was cancelled before anything started" if cancelled and fenced(evidence) else None


def oom_killed(evidence: Evidence) -> str | None:
    exit_ = evidence.own_exit
    if exit_ is None or exit_.memory.oom_kills == 0:
        return None
    limit = f" of {size(exit_.memory.limit)}" if exit_.memory.limit else ""
    return f"the kernel killed {exit_.memory.oom_kills} of its processes at the memory limit{limit}"


def killed(evidence: Evidence) -> str | None:
    exit_ = evidence.own_exit
    if exit_ is None:
        return None
    if exit_.signal in _KILLING:
        return f"somebody killed it with {signal_name(exit_.signal)}; no out-of-memory kill was counted"
    if exit_.exit_code in _KILLING_CODES:
        name = signal_name(exit_.exit_code - 128)
        return f"it ended with exit code {exit_.exit_code} ({name} in a shell); no out-of-memory kill was counted"
    return None


def contradiction(evidence: Evidence) -> str | None:
    exit_, result = evidence.own_exit, evidence.own_result
    if exit_ is None or result is None or result.error is not None or exit_.exit_code == 0 or _silent_crash(evidence):
        return None
    return f"its result says it is complete, but it ended with {how_it_ended(exit_.exit_code, exit_.signal)}"


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


def crashed(evidence: Evidence) -> str | None:
    exit_, error = evidence.own_exit, evidence.error
    if exit_ is None:
        return None
    if error is not None:
        return _headline(error.type, error.message)
    ended, said = how_it_ended(exit_.exit_code, exit_.signal), evidence.signs.traceback
    if exit_.exit_code == 0:
        told = f"{said} (and yet it ended with {ended}){_lacking(evidence)}"
        return told if said and evidence.is_command else None
    if said:
        return f"{said} (it ended with {ended})"
    return f"it ended with {ended}" + (f"; last words: {evidence.last_words[:200]}" if evidence.last_words else "")


def no_result(evidence: Evidence) -> str | None:
    if evidence.own_exit is None or evidence.result is not None or not evidence.must_report:
        return None
    if not evidence.is_command:
        return "it ended with exit code 0 but left no result"
    reported = "it reported metrics" if evidence.reported else "it ended with exit code 0"
    return f"{reported} but never said that it was done (`report.done`)"


def disagreeing(evidence: Evidence) -> str | None:
    """Two sources of one metric that differ: nobody can tell which of them is the result."""
    sound = _ended_well(evidence) and not any(proof.kind for proof in evidence.proofs)
    return evidence.disagreement if sound and not _silent_crash(evidence) else None


def bad_result(evidence: Evidence) -> str | None:
    if isinstance(evidence.result, Unreadable):
        return f"its result cannot be believed: {evidence.result.why}"
    if isinstance(evidence.result, Result) and evidence.own_result is None:
        return f"its result belongs to attempt {evidence.result.attempt_id} of run {evidence.result.run_id}"
    return None


def incomplete(evidence: Evidence) -> str | None:
    result = evidence.own_result
    elsewhere = _silent_crash(evidence) or evidence.disagreement or any(proof.kind for proof in evidence.proofs)
    if result is None or result.error is not None or not _ended_well(evidence) or elsewhere:
        return None
    return "its result is not complete"


def lost(evidence: Evidence) -> str | None:
    left = f"; {evidence.survivors} of its processes were still alive and were ended" if evidence.survivors else ""
    return f"nobody can tell how it ended: {_why_lost(evidence)}{left}"


def _why_lost(evidence: Evidence) -> str:
    if isinstance(evidence.exit, Unreadable):
        return evidence.exit.why
    if evidence.plan is None:
        return "its folder was emptied or removed while it was open"
    unwritable = f", and nothing can be written into its folder: {evidence.unwritable}" if evidence.unwritable else ""
    return f"its supervisor left no exit.json{unwritable}"


def how_it_ended(exit_code: int | None, signal: int | None) -> str:
    """As people say it: `exit code 3`, `signal 11 (SIGSEGV)`."""
    return f"exit code {exit_code}" if signal is None else f"signal {signal} ({signal_name(signal)})"


def signal_name(number: int | None) -> str:
    try:
        return signals.Signals(number or 0).name
    except ValueError:
        return f"signal {number}"


_KILLING = frozenset({signals.SIGKILL, signals.SIGTERM, signals.SIGINT, signals.SIGHUP})
_KILLING_CODES = frozenset(128 + number for number in _KILLING)

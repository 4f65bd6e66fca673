"""Recognised by how the attempt ended: what its supervisor, the kernel, the launcher and the claim tell."""

from __future__ import annotations

import signal as signals

from db.records import Claim, EndRequest
from runner.evidence import Evidence, Unreadable
from runner.launchers.looks import Fault
from runner.recognisers.words import Recogniser, headline, how_it_ended, signal_name
from runner.slurm.refusals import is_full
from runner.tracebacks import Tracebacks
from sweeps.units import size


def ended_by(*reasons: str) -> Recogniser:
    said = {
        "cancelled": "it was cancelled",
        "interrupted": "the scheduler was told to stop, and ended it",
        "revoked": "the attempt was revoked",
        "lease_lost": "its supervisor could no longer prove that it lived",
        "time_limit": "it ran longer than its time limit",
        "wall_time": "the time that its cluster gives it was over",
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


def told_by_launcher(fault: Fault) -> Recogniser:
    """What the launcher saw; not what it did because we asked it to."""

    def recognise(evidence: Evidence) -> str | None:
        account = evidence.account
        if account is None or account.fault != fault:
            return None
        if fault == "launch_refused" and isinstance(evidence.claim, Claim) and not evidence.claim.fenced:
            return None  # it began: Slurm speaks of a failed launch, too, where the batch script is killed
        if fault in _OUTLIVED and ended_by_itself(evidence):
            return None  # it had ended before, or the launcher took it for ended: a controller that was down does so
        request = evidence.end_request
        asked = fault == "cancelled" and isinstance(request, EndRequest) and request.why != "revoked"
        return None if asked else f"{account.who} says: {account.said}"

    return recognise


def ended_by_itself(evidence: Evidence) -> bool:
    exit_ = evidence.own_exit
    return exit_ is not None and exit_.exit_code == 0 and exit_.ended_by is None


def node_lost(evidence: Evidence) -> str | None:
    return "its host was restarted while it ran" if evidence.restarted and evidence.own_exit is None else None


def _lacking(evidence: Evidence) -> str:
    """What is declared and does not hold, after a crash that was to be a success."""
    return "".join(f"; {proof.said}" for proof in evidence.proofs if proof.kind)[:500]


def queue_full(evidence: Evidence) -> str | None:
    return refused(evidence) if evidence.refused and is_full(evidence.refused) else None


def refused(evidence: Evidence) -> str | None:
    return f"the launcher refused it: {evidence.refused}" if evidence.refused else None


def ended_without_space(evidence: Evidence) -> str | None:
    """Where not even the reason could be written down. Whoever was killed, or says another reason, has that one."""
    exit_, said = evidence.own_exit, evidence.signs.traceback
    if exit_ is None or exit_.no_space is None or exit_.ended_by is not None or evidence.error is not None:
        return None
    if killed(evidence) or said not in (None, Tracebacks.BEGIN):
        return None
    if exit_.signal not in _OF_A_FULL_DISK or exit_.exit_code in _OTHER_CODES:
        return None
    ended = how_it_ended(exit_.exit_code, exit_.signal)
    return f"it ended with {ended} when nothing more could be written into its folder: {exit_.no_space}"


def fenced(evidence: Evidence) -> str | None:
    claim = evidence.claim
    if claim is None or isinstance(claim, Unreadable) or not claim.fenced:
        return None
    if evidence.plan is None and evidence.submitted:
        return None  # it was there, and may have run
    if evidence.account is not None and evidence.account.fault not in (None, "cancelled"):
        return None  # it ended before anything started, and the launcher tells of what
    stopped = isinstance(evidence.end_request, EndRequest)
    what = "was told to stop" if stopped else "was gone"
    return f"the scheduler that opened it {what} before anything started; it can never start now"


def cancelled_before_start(evidence: Evidence) -> str | None:
    request = evidence.end_request
    cancelled = isinstance(request, EndRequest) and request.why == "cancelled"
    return "it was cancelled before anything started" if cancelled and fenced(evidence) else None


def oom_killed(evidence: Evidence) -> str | None:
    exit_ = evidence.own_exit
    if exit_ is None:
        return None
    memory = exit_.memory
    if memory.oom_kills:
        limit = f", at the memory limit of {size(memory.limit)}" if memory.limit else ""
        return f"the kernel killed {memory.oom_kills} of its processes for want of memory{limit}"
    hit = exit_.signal == signals.SIGKILL or exit_.exit_code == 128 + signals.SIGKILL
    if memory.oom_kills is None and memory.shared_oom_kills and hit and exit_.ended_by is None:
        return (
            f"it was killed (SIGKILL) while the kernel killed {memory.shared_oom_kills} processes of the cgroup that "
            "it shares with others for want of memory"
        )
    return None


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


def crashed(evidence: Evidence) -> str | None:
    exit_, error = evidence.own_exit, evidence.error
    if exit_ is None:
        return None
    if error is not None:
        return headline(error.type, error.message)
    ended, said = how_it_ended(exit_.exit_code, exit_.signal), evidence.signs.traceback
    if evidence.signs.overcome and exit_.exit_code != 0 and _is_of_memory(said, evidence):
        said = None
    if exit_.exit_code == 0:
        told = f"{said} (and yet it ended with {ended}){_lacking(evidence)}"
        return told if said and evidence.is_command else None
    if said:
        return f"{said} (it ended with {ended})"
    return f"it ended with {ended}" + (f"; last words: {evidence.last_words[:200]}" if evidence.last_words else "")


def _is_of_memory(said: str | None, evidence: Evidence) -> bool:
    shown = (evidence.signs.cuda_oom, evidence.signs.host_oom)
    return said is not None and any(line.endswith(said) for line in shown if line)


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


_OUTLIVED: tuple[Fault, ...] = ("cancelled", "wall_time")
"""What would not be tried again, and says nothing of an attempt that it did not end."""

_KILLING = frozenset({signals.SIGKILL, signals.SIGTERM, signals.SIGINT, signals.SIGHUP})

_KILLING_CODES = frozenset(128 + number for number in _KILLING)

_OF_A_FULL_DISK = (None, signals.SIGBUS, signals.SIGXFSZ, signals.SIGABRT)
"""Signals of whoever cannot write: a mapped file without blocks, a limit, an exception that nobody caught. None is of
an exit code."""

_OTHER_CODES = frozenset(128 + number for number in signals.Signals if number not in _OF_A_FULL_DISK)
"""Of a shell whose child was ended by any other signal."""

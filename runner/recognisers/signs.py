"""Recognised by text, in the logs or in the message of an exception. It names only what failed anyway."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from runner.device_signs import BUSY, FAULTY, memory_of_others
from runner.evidence import Evidence
from runner.recognisers.ends import crashed, killed
from runner.recognisers.words import Recogniser, ended_well, headline, silent_crash
from runner.sign_patterns import OF_MEMORY
from sweeps.units import size

_CHILD_KILLED = "is killed by signal: Killed"


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
    return headline(error.type, error.message) if error and said else None


def shown(sign: Literal["cuda_oom", "host_oom", "disk_full", "device_busy", "device_fault"]) -> Recogniser:
    """Text names only the kind of an attempt that failed anyway, and only where no exception was reported."""

    def recognise(evidence: Evidence) -> str | None:
        line: str | None = getattr(evidence.signs, sign)
        return line if evidence.error is None and not (sign in OF_MEMORY and _was_not_the_end(sign, evidence)) else None

    return recognise


def child_killed(evidence: Evidence) -> str | None:
    """Torch takes it for a lack of memory wherever a loading worker gets SIGKILL. The kernel's count knows better."""
    said = evidence.error.message if evidence.error else evidence.signs.host_oom
    exit_ = evidence.own_exit
    if exit_ is None or exit_.memory.oom_kills != 0 or not said or _CHILD_KILLED not in said:
        return None
    return f"somebody killed one of its processes with SIGKILL; no out-of-memory kill was counted: {said.strip()}"


def _was_not_the_end(sign: str, evidence: Evidence) -> bool:
    """Whether it got over it and failed otherwise, or ended well after all and only lacks something declared.

    Of that nothing else can be the reason where no file is there, and nothing was printed that speaks of going on.
    """
    if not ended_well(evidence):
        return evidence.signs.overcome
    if not any(proof.kind for proof in evidence.proofs) or silent_crash(evidence):
        return False
    return sign != "cuda_oom" or evidence.signs.went_on or not _lacks_files_only(evidence)


def _lacks_files_only(evidence: Evidence) -> bool:
    kinds = {proof.kind for proof in evidence.proofs} - {None}
    return kinds == {"no_result"}


def warned_of_memory(evidence: Evidence) -> str | None:
    """What only a warning told of, where the command failed and nothing else tells why."""
    signs, exit_ = evidence.signs, evidence.own_exit
    if exit_ is None or signs.warned is None or signs.shown or signs.went_on or evidence.error or killed(evidence):
        return None
    failed = exit_.exit_code != 0 or _lacks_files_only(evidence)
    return signs.warned if failed and exit_.signal is None and evidence.is_command else None


def raised_non_finite(evidence: Evidence) -> str | None:
    """Whether the exception that ended it says that a loss or a gradient was not finite, whatever its type."""
    error, said = evidence.error, evidence.signs.traceback
    if error is not None:
        said = headline(error.type, error.message) if error.kind == "crashed" else None
    ends = said is not None and _NON_FINITE.search(said) and not killed(evidence)
    return crashed(evidence) if ends else None


_NON_FINITE = re.compile(
    r"""^(?:\w+\.)*FloatingPointError\b
      | \b(?:loss|losses|gradients?|grad_norm)\b .{0,80}? \b(?:nan|inf|infinite|non-?finite|not\ finite)\b
      | \b(?:nan|inf|non-?finite)\b (?:\ \w+){0,4} \ (?:loss|losses|gradients?)\b
      | \breturned\ nan\ values\b""",
    re.VERBOSE | re.IGNORECASE,
)
"""In the words of Lightning, of torch's anomaly detection and of its clipping, and of many a script."""


def nan_shown(evidence: Evidence) -> str | None:
    """Where nothing tells more: many a crash comes after a NaN without coming from it."""
    signs = evidence.signs
    stopped = signs.nan is not None and _STOPPED.search(signs.nan)
    if not signs.nan or signs.traceback or evidence.error or not (stopped or ended_well(evidence)):
        return None
    return f"its log shows NaN: {signs.nan}"


_STOPPED = re.compile(r"\bis [-+]?(?:nan|inf), stopping", re.IGNORECASE)
"""What many scripts say before they exit with code 1."""

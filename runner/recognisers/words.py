"""What recognisers of all kinds share: their type, how they are put together, and the words for an end."""

from __future__ import annotations

import signal as signals
from collections.abc import Callable

from runner.evidence import Evidence

Recogniser = Callable[[Evidence], str | None]


def any_of(*recognisers: Recogniser) -> Recogniser:
    def recognise(evidence: Evidence) -> str | None:
        return next((because for each in recognisers if (because := each(evidence))), None)

    return recognise


def unless(other: Recogniser, *recognisers: Recogniser) -> Recogniser:
    """What these recognise, where the other does not."""
    either = any_of(*recognisers)
    return lambda evidence: None if other(evidence) else either(evidence)


def error(kind: str) -> Recogniser:
    def recognise(evidence: Evidence) -> str | None:
        error = evidence.error
        return headline(error.type, error.message) if error and error.kind == kind else None

    return recognise


def headline(kind: str, message: str) -> str:
    name, first = kind.rpartition(".")[2], message.strip().partition("\n")[0]
    return f"{name}: {first}" if first else name


def ended_well(evidence: Evidence) -> bool:
    exit_ = evidence.own_exit
    return exit_ is not None and exit_.exit_code == 0


def silent_crash(evidence: Evidence) -> bool:
    """A command that fails, shows a traceback, and ends with exit code 0 all the same: behind `| tee`, say."""
    return evidence.is_command and evidence.signs.traceback is not None


def how_it_ended(exit_code: int | None, signal: int | None) -> str:
    """As people say it: `exit code 3`, `signal 11 (SIGSEGV)`."""
    return f"exit code {exit_code}" if signal is None else f"signal {signal} ({signal_name(signal)})"


def signal_name(number: int | None) -> str:
    try:
        return signals.Signals(number or 0).name
    except ValueError:
        return f"signal {number}"

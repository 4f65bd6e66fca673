"""What a scheduler tells whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass

from db.verdicts import Failed, Succeeded, Unverified, Verdict
from runner.prepare import PreparedRun


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to a run, for whoever watches. `number` is 0 where no attempt is meant."""

    run: PreparedRun
    number: int
    what: str


def words(verdict: Verdict) -> str:
    match verdict:
        case Succeeded():
            return f"succeeded: {verdict.because}"
        case Unverified():
            return f"unverified: {verdict.because}"
        case Failed():
            return f"{verdict.kind}: {verdict.because}"

"""When failing runs tell of something that the next ones would meet too: nothing more is launched then. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from db.verdicts import Failed, Verdict
from runner.failures import BY_WORD, Remedy

OF_THE_PLACE = frozenset({"launch_refused", "disk_full", "lost", "device_fault", "changed"})
"""Kinds that say more about the host than about the run: they count also after runs that succeeded."""
IN_A_ROW_ON_A_DEVICE = 2


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How an attempt of this scheduler ended, and on which device; on several, with commas between."""

    run_id: str
    device: str
    verdict: Verdict


def why_stop(endings: Sequence[Ending], in_a_row: int) -> str | None:
    """Why no further run should be started, oldest ending first; None where nothing speaks against it.

    So many different runs must have failed alike, one after the other, with nothing else in between; and either nothing
    has ever succeeded, or they failed of something that is the place's fault. `in_a_row` of 0: never.
    """
    if in_a_row == 0:
        return None
    alike = _alike(endings)
    runs = {ending.run_id for ending in alike}
    if len(runs) < in_a_row:
        return None
    kind, because = _likeness(alike[-1])
    proven = any(not isinstance(ending.verdict, Failed) for ending in endings)
    if proven and kind not in OF_THE_PLACE:
        return None
    return f"{len(runs)} runs in a row failed alike ({kind}: {because})"


def faulty_devices(endings: Sequence[Ending]) -> frozenset[str]:
    """Devices whose last attempts, two in a row, ended in a fault of the device."""
    return _ended_with("device_fault", IN_A_ROW_ON_A_DEVICE, endings)


def busy_devices(endings: Sequence[Ending]) -> frozenset[str]:
    """Devices that others held when an attempt was last made there."""
    return _ended_with("device_busy", 1, endings)


def _ended_with(kind: str, in_a_row: int, endings: Sequence[Ending]) -> frozenset[str]:
    by_device: dict[str, list[bool]] = {}
    for ending in endings:
        fits = isinstance(ending.verdict, Failed) and ending.verdict.kind == kind
        for device in ending.device.split(","):  # whichever of them it was
            by_device.setdefault(device, []).append(fits)
    return frozenset(name for name, fits in by_device.items() if len(fits) >= in_a_row and all(fits[-in_a_row:]))


def _alike(endings: Sequence[Ending]) -> list[Ending]:
    """The latest endings that have the same likeness; what a person or the scheduler ended is passed over."""
    found: list[Ending] = []
    for ending in reversed(endings):
        if _is_asked_for(ending):
            continue
        if not isinstance(ending.verdict, Failed) or (found and _likeness(ending) != _likeness(found[0])):
            break
        found.append(ending)
    return found[::-1]


def _is_asked_for(ending: Ending) -> bool:
    """Cancelled or interrupted, halved because memory ran out, or not taken yet: no reason to doubt the others."""
    if not isinstance(ending.verdict, Failed):
        return False
    kind = BY_WORD[ending.verdict.kind]
    return kind.word in ("cancelled", "interrupted") or kind.remedy in (Remedy.HALVE, Remedy.AS_SOON_AS_TAKEN)


def _likeness(ending: Ending) -> tuple[str, str]:
    """Kind, and the reason up to its first colon: the exception's type, mostly."""
    if not isinstance(ending.verdict, Failed):
        return "", ""
    return ending.verdict.kind, ending.verdict.because.partition(":")[0]

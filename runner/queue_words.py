"""Where an attempt stands with the cluster that it was given to, and how that is said. Pure, standard library only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Stands = Literal["queued", "stuck", "running", "ended", "unknown", "unrecorded", "unheard"]


@dataclass(frozen=True, kw_only=True)
class Stand:
    """`stuck`: it is queued and will not start by itself. `reason` is why it waits, else Slurm's word for its state.

    `advice` is for what is stuck.
    """

    stands: Stands
    job: str | None = None
    reason: str | None = None
    nodes: str | None = None
    advice: str | None = None


def said(stand: Stand) -> str:
    """`queued: Priority`, `on n1`."""
    where = f", on {stand.nodes}" if stand.nodes else ""
    return {
        "queued": f"queued: {stand.reason}",
        "stuck": stuck(stand.reason, stand.advice),
        "running": f"on {stand.nodes}" if stand.nodes else "running",
        "ended": f"job {stand.job} has ended: {stand.reason}{where}",
        "unknown": f"slurm calls the state of job {stand.job} `{stand.reason}`, which is no word we know"
        if stand.reason
        else f"slurm does not know job {stand.job}",
        "unrecorded": "nobody recorded its job",
        "unheard": "slurm does not answer",
    }[stand.stands]


def stuck(reason: str | None, advice: str | None) -> str:
    """`will not start by itself: JobHeldUser; ...`."""
    return "; ".join([f"will not start by itself: {reason}", *([advice] if advice else [])])


_COUNTED: Mapping[Stands, str] = {"queued": "queued", "stuck": "will not start by itself", "running": "running"}


def counts(stands: Iterable[Stand]) -> str:
    """`2 queued, 1 will not start by itself`; nothing where there is none of these."""
    found = Counter(stand.stands for stand in stands)
    words: Mapping[Stands, str] = _COUNTED
    if found["stuck"] > 1:
        words = {**_COUNTED, "stuck": "will not start by themselves"}
    return ", ".join(f"{count} {word}" for stands, word in words.items() if (count := found[stands]))

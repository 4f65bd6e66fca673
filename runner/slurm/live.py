"""Where open attempts stand with Slurm at this moment: one question for all of them, and not for long."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from runner.queue_words import Stand
from runner.slurm.commands import NoAnswer, ask_queue
from runner.slurm.reading import Queue, Unreadable
from runner.slurm.reasons import advice
from runner.slurm.reference import Reference
from runner.slurm.states import state_of

PATIENCE = 3.0
"""Seconds. Whoever looks at a sweep waits for it."""


def ask_stands(references: Mapping[str, str | None]) -> tuple[dict[str, Stand], str | None]:
    """Where each stands, by the keys of `references`, and why Slurm does not answer; nothing where it does.

    An attempt without a reference was opened, and nobody recorded that it was submitted.
    """
    known = {key: Reference(reference) for key, reference in references.items() if reference is not None}
    stands = {key: Stand(stands="unrecorded") for key in references if key not in known}
    if not known:
        return stands, None
    seen: dict[Reference, list[Queue]] = defaultdict(list)
    try:
        for row in ask_queue(sorted({reference.name for reference in known.values()}), PATIENCE):
            seen[Reference.of(row.job, row.name)].append(row)
    except (NoAnswer, Unreadable) as fault:
        return {**stands, **{key: Stand(stands="unheard", job=one.job) for key, one in known.items()}}, str(fault)
    return {**stands, **{key: stand_of(one.job, seen[one]) for key, one in known.items()}}, None


def stand_of(job: str, seen: Sequence[Queue]) -> Stand:
    """Where a job stands by what squeue says of it. Pure."""
    if not seen:
        return Stand(stands="unknown", job=job)
    row = seen[0]
    state = state_of(row.word)
    nodes = row.nodes or None
    if state is None:
        return Stand(stands="unknown", job=job, reason=row.word, nodes=nodes)
    if state.phase == "queued":
        helps = advice(row.reason, job)
        return Stand(stands="stuck" if helps else "queued", job=job, reason=row.reason, advice=helps)
    return Stand(stands="running" if state.phase == "going" else "ended", job=job, reason=row.word, nodes=nodes)

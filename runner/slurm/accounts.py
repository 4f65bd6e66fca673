"""From what Slurm's commands say of a job to where it stands. Pure.

A job is over when squeue says so, or does not know it any more. Then sacct is heard, all its records and steps: the
job's own word may be FAILED where only a step tells of the memory. Where there is no accounting, or it does not answer
in time, the account says who was not heard.
"""

from __future__ import annotations

from collections.abc import Sequence

from runner.launchers.looks import Account, Fault, Going, Gone, Look, Queued, Unsure
from runner.slurm.reading import Queue, Record
from runner.slurm.reasons import advice
from runner.slurm.states import WORST, state_of

WHO = "slurm"
_OUR_LAUNCH = "JobLaunchFailure"


def standing(seen: Sequence[Queue]) -> Look | None:
    """Where a job stands by what squeue says of it; nothing where it is over, or not known there."""
    for job in seen:
        state = state_of(job.word)
        if state is None:
            return Unsure(why=f"Slurm calls the state of job {job.job} `{job.word}`, which is no word we know")
        if state.phase == "queued":
            return Queued(reason=job.reason, advice=advice(job.reason, job.job))
        if state.phase == "going":
            return Going()
    return None


def is_complete(records: Sequence[Record]) -> bool:
    """Whether the accounting knows the whole end: of each time that the job was started, and of its batch step."""
    jobs = [record for record in records if record.step is None]
    scripts = sum(record.step == "batch" for record in records)
    over = all(record.ended and _is_gone(record.word) for record in records)
    return bool(jobs) and over and scripts >= sum(job.started for job in jobs)


def account_of(job: str, seen: Sequence[Queue], records: Sequence[Record], unheard: str | None) -> Gone:
    """How Slurm saw a job end that is over. `unheard` is why the accounting was not heard; nothing where it was."""
    words = [*(one.word for one in seen), *(record.word for record in records)]
    launch_failed = any(one.reason == _OUR_LAUNCH for one in seen)
    fault: Fault | None = "launch_refused" if launch_failed else _fault(seen, records)
    agrees = all(map(_is_good, words)) and all(record.exit_code == "0:0" for record in records)
    known = bool(words)
    said = (
        f"job {job}: {_told(seen, records)}"
        if known
        else f"it does not know job {job}: cancelled before it began, or forgotten"
    )
    missing = f"; {unheard}" if unheard else ""
    nodes = next((nodes for nodes in (*(one.nodes for one in seen), *(one.nodes for one in records)) if nodes), None)
    account = Account(who=WHO, said=said + missing, agrees=agrees, fault=fault, node=nodes, heard=known)
    return Gone(account=account)


def _fault(seen: Sequence[Queue], records: Sequence[Record]) -> Fault | None:
    """By the words for the job. Of a step only that its memory ran out: it is called CANCELLED whatever ended it."""
    of_jobs = {state_of(word) for word in (*(one.word for one in seen), *(one.word for one in records if not one.step))}
    of_steps = {state_of(record.word) for record in records if record.step}
    faults = {state.fault for state in of_jobs if state}
    faults |= {state.fault for state in of_steps if state and state.fault == "host_oom"}
    return next((fault for fault in WORST if fault in faults), None)


def _told(seen: Sequence[Queue], records: Sequence[Record]) -> str:
    if not records:
        reasons = {"None", ""}
        return ", ".join(one.word + (f" ({one.reason})" if one.reason not in reasons else "") for one in seen)
    return ", ".join(_row(record) for record in records)


def _row(record: Record) -> str:
    told = f"{record.word} {record.exit_code}"
    return told if record.step is None else f"step {record.step} {told}"


def _is_good(word: str) -> bool:
    """A word that is not known is not."""
    state = state_of(word)
    return state is not None and state.good


def _is_gone(word: str) -> bool:
    state = state_of(word)
    return state is not None and state.phase == "gone"

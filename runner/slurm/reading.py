"""What squeue and sacct print, as records. Pure: text in, records out; a line that cannot be read is an error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from db.errors import RunnerError

SQUEUE_FORMAT = "%i|%j|%V|%T|%N|%r"
"""Job, name, submit time, state, nodes, reason; the last may hold anything."""
SACCT_FIELDS = "JobID,JobName,Submit,State,ExitCode,Start,End,NodeList"
_JOB = r"\d+(?:_\d+)?"
_STEP = re.compile(rf"({_JOB})\.(\w+)")
_SPAN = re.compile(r"(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?")
_TOGETHER = re.compile(r"(\d+)_\[([\d,:-]+)(?:%\d+)?\]")
LARGEST_INDEX = 4_000_000
"""Of an array: the most that `MaxArraySize` can be set to, less one (slurm.conf(5))."""
UNNAMED = "allocation"
"""What sacct calls a job whose name has not reached the accounting, or never will."""
_NOT_YET = ("Unknown", "None", "")


class Unreadable(RunnerError):  # noqa: N818 - it is what the text is
    """Slurm printed what we do not understand; the message quotes it."""


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A job, or one task of an array, as squeue sees it now."""

    job: str
    name: str
    submitted: str
    word: str
    nodes: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """A row of the accounting: of a job where `step` is nothing, else of its step `batch`, `extern`, `0`.

    `name` is the job's own in both.
    """

    job: str
    step: str | None
    name: str
    submitted: str
    word: str
    exit_code: str
    started: bool
    ended: bool
    nodes: str


def read_queue(text: str) -> list[Queue]:
    """What `squeue -h -r -t all -o SQUEUE_FORMAT` printed.

    Raises:
        Unreadable: a line is not of this form.
    """
    found = []
    for line in text.splitlines():
        fields = line.strip().split("|", 5)
        if len(fields) != 6:
            raise Unreadable(f"squeue printed {line[:200]!r}")
        named, name, submitted, word, nodes, reason = fields
        found += [
            Queue(job=job, name=name, submitted=submitted, word=word, nodes=nodes, reason=reason)
            for job in jobs_of(named)
        ]
    return found


def jobs_of(named: str) -> list[str]:
    """`12_3` alone, and every task of `12_[3-5,9%2]`: those that have not begun are told together, despite `-r`.

    Raises:
        Unreadable: it names no job.
    """
    if re.fullmatch(_JOB, named):
        return [named]
    together = _TOGETHER.fullmatch(named)
    if together is None:
        raise Unreadable(f"Slurm named a job {named[:200]!r}")
    array, listed = together.groups()
    return [f"{array}_{index}" for part in listed.split(",") for index in _indices(part)]


def _indices(part: str) -> Iterable[int]:
    """Of one part of a list: `7`, `3-5`, `0-8:4`."""
    span = _SPAN.fullmatch(part)
    first, last, step = (int(number) if number else None for number in span.groups()) if span else (None, None, None)
    if first is None or (last or 0) > LARGEST_INDEX or step == 0:
        raise Unreadable(f"Slurm listed tasks of an array as {part[:200]!r}")
    return range(first, (first if last is None else last) + 1, step or 1)


def read_records(text: str) -> list[Record]:
    """What `sacct -D -n -P --format=SACCT_FIELDS` printed; a job's row comes before those of its steps.

    Raises:
        Unreadable: a line is not of this form.
    """
    return list(_records(text))


def _records(text: str) -> Iterator[Record]:
    name = ""
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) != 8:
            raise Unreadable(f"sacct printed {line[:200]!r}")
        job, named, submitted, word, exit_code, start, end, nodes = fields
        step = _STEP.fullmatch(job)
        name = name if step else named
        for one in [step[1]] if step else jobs_of(job):
            yield Record(
                job=one,
                step=step[2] if step else None,
                name=name,
                submitted=submitted,
                word=word,
                exit_code=exit_code,
                started=start not in _NOT_YET,
                ended=end not in _NOT_YET,
                nodes="" if nodes == "None assigned" else nodes,
            )

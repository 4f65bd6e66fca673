"""What was submitted, and whose scheduler was gone before it could record that."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from runner.launchers.looks import Unsure
from runner.slurm import commands
from runner.slurm.array import attempts_of
from runner.slurm.commands import NoAnswer
from runner.slurm.reading import Unreadable
from runner.slurm.reference import Reference

FRESH = 1.0
"""Seconds for which an answer of Slurm's holds: all attempts of an array are looked for at once."""
FORGOTTEN = "now-30days"
"""What was submitted longer ago and never recorded is not looked for."""


class Unrecorded:
    """An array's description lies there before Slurm knows of it, so the array's name leads to the job."""

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._clock = clock
        self._described: Mapping[str, tuple[str, int]] = {}
        self._read = float("-inf")
        self._heard: dict[str, tuple[float, Mapping[int, str] | Unsure]] = {}

    def find(self, attempt_id: str) -> str | Unsure | None:
        """The reference of the attempt's job; nothing where Slurm knows of none."""
        place = self._place(attempt_id)
        if place is None:
            return None
        name, index = place
        jobs = self._jobs(name)
        if isinstance(jobs, Unsure):
            return jobs
        return Reference.of(jobs[index], name) if index in jobs else None

    def _place(self, attempt_id: str) -> tuple[str, int] | None:
        """Name of the array and index there: of the latest, where sbatch would not take an earlier one."""
        if attempt_id not in self._described and self._clock() - self._read > FRESH:
            self._described = {attempt: (name, index) for name, index, attempt in attempts_of(self._root)}
            self._read = self._clock()
        return self._described.get(attempt_id)

    def _jobs(self, name: str) -> Mapping[int, str] | Unsure:
        """The array's jobs by their index."""
        asked, jobs = self._heard.get(name, (float("-inf"), {}))
        if self._clock() - asked > FRESH:
            jobs = _ask(name)
            self._heard[name] = self._clock(), jobs
        return jobs


def _ask(name: str) -> Mapping[int, str] | Unsure:
    try:
        jobs = [row.job for row in commands.ask_queue([name])]
    except (NoAnswer, Unreadable) as fault:
        return Unsure(why=str(fault))
    with suppress(NoAnswer, Unreadable):
        jobs += [record.job for record in commands.ask_records_named([name], FORGOTTEN)]
    return {int(index): job for job in jobs for array, _, index in [job.partition("_")] if index}

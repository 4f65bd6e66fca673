"""Supervisors as tasks of Slurm's arrays. The script is submitit's; how they ended is read by us, in Slurm's words."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from runner.evidence import end_of
from runner.launchers.interface import Launching, LaunchRefused
from runner.launchers.looks import Gone, Look, Unsure
from runner.placement import Placement
from runner.slurm import commands
from runner.slurm.appetite import Appetite
from runner.slurm.array import folder_of, submit_array
from runner.slurm.book import Book
from runner.slurm.commands import NoAnswer
from runner.slurm.reference import Reference
from runner.slurm.refusals import is_full, is_nowhere
from runner.slurm.unrecorded import Unrecorded
from sweeps.settings import Resources
from sweeps.slurm import Slurm

LARGEST_ARRAY = 1000
"""Slurm's own default bound (`MaxArraySize` is one more)."""


class SlurmLauncher:
    """References are as `runner.slurm.reference` says."""

    name = "slurm"
    is_witness = True

    def __init__(self, root: Path, asked: Slurm, resources: Resources) -> None:
        self._root = root
        self._asked = asked
        self._resources = resources
        self._book = Book()
        self._unrecorded = Unrecorded(root)
        self._to_cancel: list[str] = []
        self._appetite = Appetite(time.monotonic, self._book.count_open)

    def submit(self, launchings: Sequence[Launching]) -> Sequence[str | LaunchRefused]:
        """One array for all that ask for the same."""
        alike: dict[Placement, list[slice]] = defaultdict(list)
        end = 0
        for placement, some in groupby(launchings, attrgetter("placement")):
            begin, end = end, end + len(list(some))
            alike[placement].append(slice(begin, end))
        answers: list[str | LaunchRefused] = [""] * len(launchings)
        for placement, spans in alike.items():
            given = self._submit_all([one for span in spans for one in launchings[span]], placement)
            for span in spans:
                size = span.stop - span.start
                answers[span], given = given[:size], given[size:]
        return answers

    def _submit_all(self, launchings: Sequence[Launching], placement: Placement) -> list[str | LaunchRefused]:
        """In arrays no larger than Slurm takes."""
        parts = (launchings[first : first + LARGEST_ARRAY] for first in range(0, len(launchings), LARGEST_ARRAY))
        return [answer for part in parts for answer in self._submit(part, placement)]

    def _submit(self, launchings: Sequence[Launching], placement: Placement) -> Sequence[str | LaunchRefused]:
        """In smaller parts where the cluster takes not so many; on any node where those that are left would not do."""
        given = submit_array(self._root, launchings, self._asked, self._resources, placement)
        if not isinstance(given, LaunchRefused):
            self._book.follow(given)
            self._appetite.took()
            return given
        if placement.avoid and is_nowhere(str(given)):
            return self._submit(launchings, placement._replace(avoid=()))
        if is_full(str(given)) and len(launchings) > 1:
            half = len(launchings) // 2
            first = self._submit(launchings[:half], placement)
            full = isinstance(first[-1], LaunchRefused)
            rest = launchings[half:]
            return [*first, *([given] * len(rest) if full else self._submit(rest, placement))]
        if is_full(str(given)):
            self._appetite.refused()
        return [given] * len(launchings)

    def most(self) -> int | None:
        """As many as the cluster was seen to take, where it once took no more."""
        return self._appetite.most()

    def why_not_now(self) -> str | None:
        """It would be refused, and count as a failure of the run."""
        return self._book.why_silent()

    def look(self, reference: str) -> Look:
        self._cancel_together()
        look = self._book.look(reference)
        return self._with_last_words(look, Reference(reference)) if isinstance(look, Gone) else look

    def _with_last_words(self, gone: Gone, reference: Reference) -> Gone:
        """What the batch script printed before, or instead of, our supervisor: why it could not be started."""
        account = gone.account
        if account is None or account.agrees:
            return gone
        log = folder_of(self._root, reference.name) / f"{reference.job}_0_log.out"
        words = " ".join(end_of(log, 300).decode(errors="replace").split())
        return Gone(account=replace(account, said=f"{account.said}; it printed: {words}")) if words else gone

    def hurry(self) -> None:
        self._book.hurry()

    def find(self, attempt_id: str) -> str | Unsure | None:
        return self._unrecorded.find(attempt_id)

    def cancel(self, references: Sequence[str]) -> None:
        """With the next look, in one command for all."""
        self._to_cancel += [Reference(reference).job for reference in references]

    def _cancel_together(self) -> None:
        """What Slurm does not hear now is fenced: it will end by itself when it starts."""
        if not self._to_cancel:
            return
        jobs, self._to_cancel = self._to_cancel, []
        with suppress(NoAnswer):
            commands.cancel(jobs)
        self._book.hurry()

"""What is known of the jobs that are followed: asked for all at once, and not more often than it can have changed."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from runner.launchers.looks import Going, Gone, Look, Unsure
from runner.slurm import commands
from runner.slurm.accounts import account_of, is_complete, standing
from runner.slurm.commands import NoAccounting, NoAnswer
from runner.slurm.reading import UNNAMED, Queue, Record, Unreadable
from runner.slurm.reference import Reference

OFTEN, SELDOM = 1.0, 30.0
"""Seconds between two questions: at first and whenever something has changed, and at most."""
SLOWER = 1.3
"""By so much longer each time that nothing has changed."""
ACCOUNTS_PATIENCE = 60.0
"""Seconds for which the accounting may lag behind, or not answer, before an end is believed without it."""
UNKNOWN_PATIENCE = 30.0
"""Seconds after which a job that Slurm does not know is taken to be gone: it may be new, or the controller too."""


_NOBODY = Reference.of("0_0", "runner")
"""Of no job: asked for where there is nothing else to ask for."""


class Book:
    """Of every job that is followed, how it stood when Slurm was asked last. Two commands at most each time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looks: dict[str, Look] = {}
        self._new: list[str] = []
        self._over_since: dict[str, float] = {}
        self._submitted: dict[str, str] = {}
        self._keeps_accounts = True
        self._next = 0.0
        self._every = OFTEN
        self.trouble: str | None = None

    def follow(self, references: Iterable[str]) -> None:
        """Keep an eye on what was just submitted, from the next look on."""
        self._new += references
        self.hurry()

    def count_open(self) -> int:
        """How many of those that are followed have not ended, as far as is known."""
        self._take_in_new()
        return sum(not isinstance(look, Gone) for look in self._looks.values())

    def why_silent(self) -> str | None:
        """Why Slurm does not answer; nothing where it did when it was asked last, a moment ago."""
        self._take_in_new()
        if self._clock() >= self._next and all(isinstance(look, Gone) for look in self._looks.values()):
            self._looks[_NOBODY] = Going()
            self._refresh()
            del self._looks[_NOBODY]
        return self.trouble

    def hurry(self) -> None:
        """Something has happened: do not wait long for the next question."""
        self._every = OFTEN
        self._next = min(self._next, self._clock() + OFTEN)

    def look(self, reference: str) -> Look:
        """How it stands. What was not followed until now is asked for with the next question, a moment later."""
        self._take_in_new()
        if reference not in self._looks:
            self._looks[reference] = Unsure(why="Slurm has not been asked yet")
            self.hurry()
        self._refresh()
        look = self._looks[reference]
        return Unsure(why=self.trouble) if self.trouble and not isinstance(look, Gone) else look

    def _take_in_new(self) -> None:
        self._looks.update(dict.fromkeys(self._new, Going()))
        self._new.clear()

    def _refresh(self) -> None:
        if self._clock() < self._next:
            return
        open_ = [Reference(reference) for reference, look in self._looks.items() if not isinstance(look, Gone)]
        before = {reference: self._looks[reference] for reference in open_}
        try:
            if open_:
                self._ask(open_)
            self.trouble = None
        except (NoAnswer, Unreadable) as fault:
            self.trouble = str(fault)
        changed = any(self._looks[reference] != look for reference, look in before.items())
        self._every = OFTEN if changed else min(SELDOM, self._every * SLOWER)
        self._next = self._clock() + self._every

    def _ask(self, references: Sequence[Reference]) -> None:
        queue: dict[str, list[Queue]] = defaultdict(list)
        for row in commands.ask_queue(sorted({reference.name for reference in references})):
            queue[Reference.of(row.job, row.name)].append(row)
        over = []
        for reference in references:
            for row in queue[reference][:1]:
                self._submitted.setdefault(reference, row.submitted)  # a job that is put back is submitted anew
            look = standing(queue[reference])
            if look is None:
                over.append(reference)
            else:
                self._looks[reference] = look
                self._over_since.pop(reference, None)
        if over:
            self._close(over, queue)

    def _close(self, references: Sequence[Reference], queue: dict[str, list[Queue]]) -> None:
        """Of jobs that are over, the whole account; what is not complete yet is asked for again."""
        records, unheard = self._records(references)
        for reference in references:
            since = self._over_since.setdefault(reference, self._clock())
            own, seen = self._own(reference, records[reference.job]), queue[reference]
            late = self._clock() - since
            if not own and not seen:
                done = late > UNKNOWN_PATIENCE
            else:
                done = is_complete(own) or (not self._keeps_accounts and bool(seen)) or late > ACCOUNTS_PATIENCE
            if done:
                missing = None if is_complete(own) else unheard or "its accounting did not tell the whole end"
                self._looks[reference] = account_of(reference.job, seen, own, missing)
            else:
                self._looks[reference] = Unsure(why=unheard or "its accounting does not tell the whole end yet")

    def _own(self, reference: Reference, records: Sequence[Record]) -> list[Record]:
        """Those of this job, and not of an older one of the same id; sacct does not always know its name."""
        since = self._submitted.get(reference)
        return [
            record
            for record in records
            if record.name == reference.name or (record.name == UNNAMED and since and record.submitted >= since)
        ]

    def _records(self, references: Sequence[Reference]) -> tuple[dict[str, list[Record]], str | None]:
        """By job, of all that ever had its id."""
        if not self._keeps_accounts:
            return defaultdict(list), "this cluster keeps no accounts"
        found: dict[str, list[Record]] = defaultdict(list)
        try:
            for record in commands.ask_records(sorted({one.array for one in references})):
                found[record.job].append(record)
        except NoAccounting:
            self._keeps_accounts = False
            return found, "this cluster keeps no accounts"
        except (NoAnswer, Unreadable) as fault:
            return found, f"its accounting was not heard: {fault}"
        return found, None

"""What is known of the jobs that are followed: asked for all at once, and not more often than it can have changed."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from runner.launchers.looks import Going, Gone, Look, Unsure
from runner.slurm import commands
from runner.slurm.accounts import account_of, is_complete, standing
from runner.slurm.commands import NoAccounting, NoAnswer
from runner.slurm.reading import Queue, Record, Unreadable
from runner.slurm.reference import Reference

Row = TypeVar("Row", Queue, Record)

OFTEN, SELDOM = 1.0, 30.0
"""Seconds between two questions: at first and whenever something has changed, and at most."""
SLOWER = 1.3
"""By so much longer each time that nothing has changed."""
ACCOUNTS_PATIENCE = 60.0
"""Seconds for which the accounting may lag behind, or not answer, before an end is believed without it."""
UNKNOWN_PATIENCE = 30.0
"""Seconds after which a job that Slurm does not know is taken to be gone: it may be new, or the controller too."""


_NOBODY = Reference(job="0_0", name="runner")
"""Of no job: asked for where there is nothing else to ask for."""


class Book:
    """Of every job that is followed, how it stood when Slurm was asked last. Two commands at most each time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looks: dict[Reference, Look] = {}
        self._over_since: dict[Reference, float] = {}
        self._keeps_accounts = True
        self._next = 0.0
        self._every = OFTEN
        self.trouble: str | None = None

    def follow(self, references: Iterable[Reference]) -> None:
        """Keep an eye on what was just submitted."""
        for reference in references:
            self._looks.setdefault(reference, Going())
        self.hurry()

    def why_silent(self) -> str | None:
        """Why Slurm does not answer; nothing where it did when it was asked last, a moment ago."""
        if self._clock() >= self._next and all(isinstance(look, Gone) for look in self._looks.values()):
            self._looks[_NOBODY] = Going()
            self._refresh()
            del self._looks[_NOBODY]
        return self.trouble

    def hurry(self) -> None:
        """Something has happened: do not wait long for the next question."""
        self._every = OFTEN
        self._next = min(self._next, self._clock() + OFTEN)

    def look(self, reference: Reference) -> Look:
        """How it stands. What was not followed until now is asked for at once."""
        if reference not in self._looks:
            self._looks[reference] = Unsure(why="Slurm has not been asked yet")
            self._next = 0.0
        self._refresh()
        look = self._looks[reference]
        return Unsure(why=self.trouble) if self.trouble and not isinstance(look, Gone) else look

    def _refresh(self) -> None:
        if self._clock() < self._next:
            return
        open_ = [reference for reference, look in self._looks.items() if not isinstance(look, Gone)]
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
        queue = _by_reference(commands.ask_queue(sorted({reference.name for reference in references})))
        over = []
        for reference in references:
            look = standing(queue[reference])
            if look is None:
                over.append(reference)
            else:
                self._looks[reference] = look
                self._over_since.pop(reference, None)
        if over:
            self._close(over, queue)

    def _close(self, references: Sequence[Reference], queue: dict[Reference, list[Queue]]) -> None:
        """Of jobs that are over, the whole account; what is not complete yet is asked for again."""
        records, unheard = self._records(references)
        for reference in references:
            since = self._over_since.setdefault(reference, self._clock())
            own, seen = records[reference], queue[reference]
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

    def _records(self, references: Sequence[Reference]) -> tuple[dict[Reference, list[Record]], str | None]:
        if not self._keeps_accounts:
            return defaultdict(list), "this cluster keeps no accounts"
        try:
            return _by_reference(commands.ask_records(sorted({one.array for one in references}))), None
        except NoAccounting:
            self._keeps_accounts = False
            return defaultdict(list), "this cluster keeps no accounts"
        except (NoAnswer, Unreadable) as fault:
            return defaultdict(list), f"its accounting was not heard: {fault}"


def _by_reference(rows: Iterable[Row]) -> dict[Reference, list[Row]]:
    found: dict[Reference, list[Row]] = defaultdict(list)
    for row in rows:
        found[Reference(job=row.job, name=row.name)].append(row)
    return found

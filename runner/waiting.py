"""When a run is looked at again. By the monotonic clock: whoever sets the other one makes nobody wait longer."""

from __future__ import annotations

import time
from enum import Enum, auto

from db.verdicts import PastAttempt


class Turn(Enum):
    """What came of looking at a run: all that can be done now was done, or it lacks a slot, or waits for a sibling."""

    TAKEN = auto()
    NO_SLOT = auto()
    HELD = auto()


class Waiting:
    """The runs that were begun and wait for their next step, in the order in which they began to wait."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._judged: dict[str, tuple[int, float]] = {}

    def __bool__(self) -> bool:
        return bool(self._due)

    def put(self, run_id: str, seconds: float = 0.0) -> None:
        """It is due in so many seconds."""
        self._due[run_id] = time.monotonic() + seconds

    def drop(self, run_id: str) -> None:
        """It waits no more."""
        self._due.pop(run_id, None)

    def due(self) -> list[str]:
        now = time.monotonic()
        return [run_id for run_id, when in self._due.items() if when <= now]

    def since_verdict(self, run_id: str, attempt: PastAttempt) -> float:
        """Seconds since an attempt's verdict, and since we heard of it where that was recorded in the future.

        The clock is asked once, when we first hear of it; from then on its time is our own.
        """
        number, judged = self._judged.get(run_id, (0, 0.0))
        if number != attempt.number:
            recorded = time.time() if attempt.judged_at is None else attempt.judged_at
            judged = time.monotonic() - max(0.0, time.time() - recorded)
            self._judged[run_id] = attempt.number, judged
        return time.monotonic() - judged

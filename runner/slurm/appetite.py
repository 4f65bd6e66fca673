"""How many jobs at a time the cluster takes of us, where it once took no more: learned, for nobody can ask it."""

from __future__ import annotations

from collections.abc import Callable

PATIENCE, LONGEST = 60.0, 1800.0
"""Seconds until more than it took is tried again: at first, and after many refusals in a row."""


class Appetite:
    """Times are of any clock that only goes forward, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._most: int | None = None
        self._patience = PATIENCE
        self._until = 0.0

    def most(self) -> int | None:
        """How many may be with it now; nothing where no bound is known."""
        if self._most is None or self._clock() < self._until:
            return self._most
        return 2 * self._most + 1

    def refused(self, held: int) -> None:
        """It holds so many of us, and would not take one more."""
        self._most = held
        self._until = self._clock() + self._patience
        self._patience = min(LONGEST, 2 * self._patience)

    def took(self, held: int) -> None:
        """It holds so many of us now."""
        if self._most is not None and held > self._most:
            self._most, self._patience = held, PATIENCE

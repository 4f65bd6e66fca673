"""How many jobs at a time the cluster takes of us, where it once took no more: learned, for nobody can ask it."""

from __future__ import annotations

from collections.abc import Callable

PATIENCE, LONGEST = 60.0, 1800.0
"""Seconds until more than it took is tried again: at first, and after many refusals in a row."""


class Appetite:
    """`clock` is any that only goes forward, in seconds; `held` counts the jobs of ours that the cluster holds now."""

    def __init__(self, clock: Callable[[], float], held: Callable[[], int]) -> None:
        self._clock = clock
        self._held = held
        self._most: int | None = None
        self._patience = PATIENCE
        self._until = 0.0

    def most(self) -> int | None:
        """How many may be with it now; nothing where no bound is known."""
        if self._most is None or self._clock() < self._until:
            return self._most
        return 2 * self._most + 1

    def refused(self) -> None:
        """It would not take one more than it holds."""
        self._most = self._held()
        self._until = self._clock() + self._patience
        self._patience = min(LONGEST, 2 * self._patience)

    def took(self) -> None:
        """It took what it was given."""
        if self._most is not None and self._held() > self._most:
            self._most, self._patience = self._held(), PATIENCE

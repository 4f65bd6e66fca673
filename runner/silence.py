"""How long an attempt has given no sign of life. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

LOOK_EVERY = 1.0
"""Seconds between two looks."""


class Silence:
    """Watches files that grow, or are touched, while all is well. Times are of the monotonic clock, in seconds."""

    def __init__(self, files: Sequence[Path], begun: float) -> None:
        self._files = files
        self._state: list[tuple[int, int] | None] = []
        self._looked = self._since = begun

    def lasts(self, now: float) -> float:
        """Seconds since the last sign that was seen."""
        if now - self._looked >= LOOK_EVERY or not self._state:
            self._looked = now
            state = [_state(path) for path in self._files]
            if state != self._state:
                self._state, self._since = state, now
        return now - self._since


def _state(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - several times a second: without a Path in between
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns

"""Keeping a log below its limit while somebody writes it. Standard library only."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

KEPT = 2**20
"""Bytes kept from the start of a log that grew too large."""


class CappedLog:
    """A log that its writers hold open with O_APPEND, so it can be truncated under them.

    Above `limit` bytes the first MiB stays (half the limit, where that is less), and what comes next follows it.
    `dropped` counts at least: what is written in the very moment of truncating is not seen.
    """

    def __init__(self, path: Path, limit: int) -> None:
        """Create it.

        Raises:
            OSError: it cannot be.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self.descriptor = os.open(path, flags, 0o644)
        self.dropped = 0
        self._limit = limit
        self._kept = min(KEPT, limit // 2)

    def cap(self) -> None:
        """While it is written: truncate it where it has grown too large."""
        size = os.fstat(self.descriptor).st_size
        if size > self._limit:
            os.ftruncate(self.descriptor, self._kept)
            self.dropped += size - self._kept

    def close(self) -> None:
        """When nobody writes any more: its end is kept as well as its start, since that is where errors stand."""
        size = os.fstat(self.descriptor).st_size
        if size > self._limit:
            end = os.pread(self.descriptor, self._kept, size - self._kept)
            os.ftruncate(self.descriptor, self._kept)
            with suppress(OSError):  # a full disk must not keep the end of the attempt from being recorded
                os.write(self.descriptor, end)
            self.dropped += size - os.fstat(self.descriptor).st_size
        os.close(self.descriptor)

"""Keeping a log below its limit while somebody writes it. Standard library only."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from runner.regular_file import open_regular

KEPT = 2**20
"""Bytes kept from the start, and from the end, of a log that grew too large."""


TAIL = 64 * 2**10
"""Bytes in which its last line is looked for."""


class CappedLog:
    """A log that its writers hold open with O_APPEND, so it can be truncated under them.

    Above `limit` bytes the first and the last MiB stay (a quarter of the limit, where that is less), and what comes
    next follows them. `dropped` counts at least: what is written in the very moment of truncating is not seen.
    """

    def __init__(self, path: Path, limit: int) -> None:
        """Create it.

        Raises:
            OSError: it cannot be.
        """
        self.descriptor = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self.dropped = 0
        self._limit = limit
        self._kept = min(KEPT, limit // 4)

    def cap(self) -> None:
        """Cut out the middle where it has grown too large. Its end stays as well as its start: errors stand there."""
        size = os.fstat(self.descriptor).st_size
        if size <= self._limit:
            return
        end = os.pread(self.descriptor, self._kept, size - self._kept)
        size = os.fstat(self.descriptor).st_size  # once more: it is written meanwhile
        os.ftruncate(self.descriptor, self._kept)
        self.dropped += size - self._kept
        with suppress(OSError):  # a full disk must not keep the attempt from going on, nor its end from being recorded
            self.dropped -= os.write(self.descriptor, end)
            self._put_last_what_came_between(end)

    def _put_last_what_came_between(self, end: bytes) -> None:
        """What was written between the two steps came after the end that was kept: it stands there once more."""
        came = os.fstat(self.descriptor).st_size - self._kept - len(end)
        if came > 0 and os.pread(self.descriptor, len(end), self._kept) != end:
            os.write(self.descriptor, os.pread(self.descriptor, came, self._kept))

    def end(self) -> bytes:
        """The last of it, whatever lies under its name by now."""
        return os.pread(self.descriptor, TAIL, max(0, os.fstat(self.descriptor).st_size - TAIL))

    def close(self) -> None:
        """When nobody writes any more."""
        self.cap()
        os.close(self.descriptor)

"""A worker that is asked to end (SIGTERM) finishes its step, keeps what it has in a checkpoint, and ends by it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ASKING = signal.SIGTERM


class AskedToEnd:
    """True once it was asked for."""

    def __init__(self) -> None:
        self._asked = False

    def __bool__(self) -> bool:
        return self._asked

    def note(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True


@contextmanager
def noticing() -> Iterator[AskedToEnd]:
    """Note it for as long as the block runs, in place of ending at once."""
    asked = AskedToEnd()
    before = signal.signal(ASKING, asked.note)
    try:
        yield asked
    finally:
        signal.signal(ASKING, before)


def end_as_asked() -> None:
    """End as everybody does who is asked to and notes nothing: whoever looks at the exit sees the signal."""
    signal.signal(ASKING, signal.SIG_DFL)
    os.kill(os.getpid(), ASKING)

"""Giving up on what takes too long in this very thread: a regular expression, say. Standard library only."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TookTooLong(Exception):  # noqa: N818 - it is what happened, and reads so where it is caught
    """The message says what, and for how long it was tried."""


@contextmanager
def at_most(seconds: float, what: str) -> Iterator[None]:
    """Run a block of Python for so long; in the main thread, for only that hears signals, in any other without a bound.

    Raises:
        TookTooLong: it had not come to its end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def give_up(_: int, __: FrameType | None) -> None:
        raise TookTooLong(f"{seconds:g} s did not suffice to tell {what}")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

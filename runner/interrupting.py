"""The signals that tell a scheduler to end its attempts and leave; docs/commands.md has all of them in a table."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interrupted_by_signals(interrupt: Callable[[], None]) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP interrupt while the block runs, those that are ignored left so.

    `nohup` ignores SIGHUP, and a shell SIGINT of what it starts in the background of a script.
    """

    def hear(_signal: int, _frame: FrameType | None) -> None:
        interrupt()

    heard = [number for number in ENDING_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, hear) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

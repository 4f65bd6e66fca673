"""Where words go: a terminal, a pipe or a file, for as long as it takes them."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO


class Outlet(io.TextIOBase):
    """A stream that never fails: once it takes no more (`head` has gone, the disk is full), the rest is dropped."""

    def __init__(self, stream: TextIO) -> None:
        self.trouble: OSError | None = None
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override] # rich asks for it; typeshed declares an attribute
        return self._stream.encoding

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
        except OSError as error:
            self._drop(error)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._drop(error)

    def _drop(self, error: OSError) -> None:
        """From here on, all goes to the null device, also what is still kept back here and flushed later."""
        self.trouble = error
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        with contextlib.suppress(OSError):  # a stream that is no file
            os.dup2(null, self._stream.fileno())
        os.close(null)


@contextlib.contextmanager
def unfailing() -> Iterator[Outlet]:
    """Standard output and error never fail while the block runs; yields the former.

    Of text that their encoding does not know (a path that is not UTF-8) the bytes are spelled out.
    """
    _occupy()
    before = sys.stdout, sys.stderr
    out = Outlet(_spelling(sys.stdout, 1))
    sys.stdout, sys.stderr = out, Outlet(_spelling(sys.stderr, 2))
    try:
        yield out
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = before


def _occupy() -> None:
    """A closed descriptor below 3 would be given to the next file that is opened, a ledger for instance."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < 3:  # the lowest one that is free
        pass
    os.close(descriptor)


def _spelling(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is None:  # it was closed before we began
        return open(descriptor, "w", encoding="utf-8", closefd=False)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream

"""Opening files of an attempt's folder, whatever its command has put in their place. Standard library only."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_OTHERS = (errno.ELOOP, errno.ENXIO)
"""What opening a link or a socket gives."""


class NotRegular(OSError):  # noqa: N818 - it is what lies there, and reads so where it is caught
    """Something else lies where a regular file is to be."""


def open_regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """The descriptor of a regular file. A pipe in its place makes nobody wait, a link leads nobody elsewhere.

    Raises:
        NotRegular: something else lies there.
        OSError: it is not there, or cannot be opened now.
    """
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    except OSError as fault:
        raise _not_regular(path) if fault.errno in _OTHERS else fault from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_regular(path)
    os.set_blocking(descriptor, True)  # whoever inherits it expects no less
    return descriptor


def _not_regular(path: Path) -> NotRegular:
    return NotRegular(errno.EINVAL, "it is not a regular file", str(path))


def reading(path: Path) -> BinaryIO:
    """A regular file, open for reading; raises as `open_regular`."""
    return open(open_regular(path), "rb")

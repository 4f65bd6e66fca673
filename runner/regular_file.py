"""Opening files of an attempt's folder, whatever its command has put in their place. Standard library only."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """The descriptor of a regular file. A pipe in its place makes nobody wait, a link leads nobody elsewhere.

    Raises:
        OSError: it is not there, or is something else.
    """
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    os.set_blocking(descriptor, True)  # whoever inherits it expects no less
    return descriptor


def reading(path: Path) -> BinaryIO:
    """A regular file, open for reading; raises as `open_regular`."""
    return open(open_regular(path), "rb")

"""Locks of this host on what has a number or a name, in files of a folder that all its accounts share.

A lock is of some bytes of a file, on an open file description (fcntl(2), F_OFD_SETLK): it lives exactly as long as some
process has the descriptor open. Standard library only.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from db.errors import Refused

FOLDER = "RUNNER_SLOTS"
"""The environment variable that names the folder of the lock files."""
DEFAULT_FOLDER = "/tmp/runner-slots-shared"  # noqa: S108 - checked on opening: sticky, no links, never written to


class Locked(NamedTuple):
    """Bytes of a file, and the descriptor that holds them."""

    descriptor: int
    choices: tuple[int, ...]


def named_folder() -> Path:
    """Where the lock files lie."""
    return Path(os.environ.get(FOLDER) or DEFAULT_FOLDER)


def open_folder(folder: Path) -> Path:
    """Made, where it is not there.

    Raises:
        Refused: it cannot be made, or is not what it should be.
    """
    try:
        folder.mkdir(mode=0o700, parents=True)
        folder.chmod(0o1777)  # only now: the mode given to mkdir is cut by the umask
    except FileExistsError:
        pass
    except OSError as error:
        raise Refused(
            f"the folder of slots {folder} cannot be made: {error.strerror}; set {FOLDER} to another"
        ) from None
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise Refused(f"the folder of slots {folder} is a link or a file; remove it, or set {FOLDER} to another")
    shared = stat.S_IMODE(status.st_mode) & 0o022
    if shared and not status.st_mode & stat.S_ISVTX:
        raise Refused(
            f"the folder of slots {folder} lets everybody remove the files of everybody (mode "
            f"{stat.S_IMODE(status.st_mode):o}); make it 1777, or set {FOLDER} to another"
        )
    return folder


def take_name(name: str) -> int | None:
    """Hold a name on this host for as long as the returned descriptor is open; None where somebody else does."""
    locked = lock_some(open_folder(named_folder()) / "names", (byte_of(name),), 1)
    return locked.descriptor if locked else None


def byte_of(name: str) -> int:
    """Which byte of a file stands for a name: the same for everybody."""
    return int.from_bytes(hashlib.sha256(os.fsencode(name)).digest()[:7], "big")


def lock_some(path: Path, choices: Sequence[int], wanted: int) -> Locked | None:
    """Lock `wanted` of these bytes of a file; None where too few are free."""
    descriptor = _open_lock_file(path)
    os.utime(descriptor)  # so that no cleaner of /tmp takes it for forgotten
    locked: list[int] = []
    for byte in choices:
        locked += [byte] if _lock_byte(descriptor, byte) else []
        if len(locked) == wanted:
            if not _is_still(path, descriptor):
                break
            return Locked(descriptor, tuple(locked))
    os.close(descriptor)
    return None


def _lock_byte(descriptor: int, byte: int) -> bool:
    flock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, flock)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


def _open_lock_file(path: Path) -> int:
    """Opened as it is, where it exists: a sticky folder may forbid O_CREAT on files of others."""
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        try:
            descriptor = os.open(path, flags)
        except FileNotFoundError:
            descriptor = _create_lock_file(path, flags)
    except OSError as error:
        raise Refused(f"the slot {path} cannot be opened: {error.strerror}; remove it, or set {FOLDER}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Refused(f"the slot {path} is not a regular file; remove it, or set {FOLDER} to another folder")
    return descriptor


def _create_lock_file(path: Path, flags: int) -> int:
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return os.open(path, flags)
    os.fchmod(descriptor, 0o666)  # the mode given to open is cut by the umask
    return descriptor


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the locked file is the one that others find under its name."""
    try:
        named, held = path.lstat(), os.fstat(descriptor)
    except FileNotFoundError:
        return False
    return (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)

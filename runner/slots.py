"""Devices and CPUs as locks of this host, so that two sweeps never share one unasked. Standard library only.

A slot is a lock on an open file description (fcntl(2), F_OFD_SETLK): it lives exactly as long as some process has the
descriptor open. The scheduler takes it, the supervisor inherits it and keeps it for as long as the attempt lives.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from db.errors import Refused
from runner.gpus import Gpu

FOLDER = "RUNNER_SLOTS"
"""The environment variable that names the folder of the lock files."""
DEFAULT_FOLDER = "/tmp/runner-slots-shared"  # noqa: S108 - checked on opening: sticky, no links, never written to
_BEYOND = 2**20
"""Numbers from here on stand for CPUs that are asked for and not there."""
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True, kw_only=True)
class Slot:
    """What one attempt may use. Whoever holds `descriptor` open holds the slot; `env` is for the worker.

    `device` is `cpu` or `cuda`, `name` that of the very device.
    """

    device: str
    name: str
    env: Mapping[str, str]
    descriptor: int

    def close(self) -> None:
        """Let go of it here: free once no other process holds it."""
        os.close(self.descriptor)


@dataclass(frozen=True)
class Slots:
    """The slots of a sweep: one for each GPU, or else for every `cpus_per_slot` of `cpus`, which go by number."""

    folder: Path
    gpus: tuple[Gpu, ...]
    cpus_per_slot: int
    cpus: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many attempts these let run side by side, where nobody else is using them."""
        return len(self.gpus) or len(self.cpus) // self.cpus_per_slot

    def take(self, avoid: Collection[str] = ()) -> Slot | None:
        """A free slot, or None where there is none now; never one of the devices named in `avoid`."""
        if not self.gpus:
            descriptor = _lock_some(self.folder / "cpus", self.cpus, self.cpus_per_slot)
            return None if descriptor is None else self._slot("cpu", "", descriptor)
        for gpu in (gpu for gpu in self.gpus if gpu.uuid not in avoid):
            descriptor = _lock_some(self.folder / f"gpu-{gpu.uuid}", (0,), 1)
            if descriptor is not None:
                return self._slot("cuda", gpu.uuid, descriptor)
        return None

    def _slot(self, device: str, visible: str, descriptor: int) -> Slot:
        threads = dict.fromkeys(_THREADS, str(self.cpus_per_slot))
        env = {**threads, "CUDA_VISIBLE_DEVICES": visible}
        return Slot(device=device, name=visible or device, env=env, descriptor=descriptor)


def open_slots(gpus: Sequence[Gpu], cpus_per_attempt: int, slots: int | None) -> Slots:
    """The slots of this host for attempts of a sweep: its GPUs where some are given, else its CPUs.

    `slots` bounds how many there are. Without GPUs it may also ask for more than the host has CPUs for; a GPU is never
    shared.

    Raises:
        Refused: the folder of the locks cannot be made, or is not what it should be.
    """
    folder = _open_folder(Path(os.environ.get(FOLDER) or DEFAULT_FOLDER))
    cpus = sorted(os.sched_getaffinity(0))
    if slots is None:
        each = min(cpus_per_attempt, len(cpus))
    else:
        each = cpus_per_attempt
        cpus = [*cpus, *range(_BEYOND, _BEYOND + slots * each)][: slots * each]
    return Slots(folder, tuple(gpus[:slots]), each, tuple(cpus))


def _open_folder(folder: Path) -> Path:
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


def _lock_some(path: Path, choices: Sequence[int], wanted: int) -> int | None:
    """Lock `wanted` of these bytes of a file for the returned descriptor; None where too few are free."""
    descriptor = _open_lock_file(path)
    os.utime(descriptor)  # so that no cleaner of /tmp takes it for forgotten
    locked = 0
    for byte in choices:
        locked += _lock_byte(descriptor, byte)
        if locked == wanted and _is_still(path, descriptor):
            return descriptor
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

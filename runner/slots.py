"""Devices and CPUs as locks of this host, so that two sweeps never share one unasked. Standard library only.

A slot is all that one attempt holds: some bytes of a file, one for each CPU or GPU, locked on an open file description
(fcntl(2), F_OFD_SETLK). Such a lock lives exactly as long as some process has the descriptor open. The scheduler takes
it, the supervisor inherits it and keeps it for as long as the attempt lives.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from db.errors import Refused
from runner.gpus import Gpu

FOLDER = "RUNNER_SLOTS"
"""The environment variable that names the folder of the lock files."""
OF_ATTEMPT = "RUNNER_ATTEMPT_SLOTS"
"""By this an attempt is told in which folder the locks of its own slot lie."""
DEFAULT_FOLDER = "/tmp/runner-slots-shared"  # noqa: S108 - checked on opening: sticky, no links, never written to
_BEYOND = 2**20
"""Numbers from here on stand for CPUs that are asked for and not there."""
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True, kw_only=True)
class Slot:
    """What one attempt may use. Whoever holds `descriptor` open holds the slot; `env` is for the worker.

    `device` is `cpu` or `cuda`, `name` that of the very device; of several, with commas between.
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
    """The slots of a sweep: of `gpus_per_slot` GPUs each, or else of `cpus_per_slot` of `cpus`, which go by number."""

    folder: Path
    gpus: tuple[Gpu, ...]
    gpus_per_slot: int
    cpus_per_slot: int
    cpus: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many attempts these let run side by side, where nobody else is using them."""
        return len(self.gpus) // self.gpus_per_slot if self.gpus else len(self.cpus) // self.cpus_per_slot

    def take(self, avoid: Collection[str] = ()) -> Slot | None:
        """A free slot, or None where there is none now; never with a device named in `avoid`.

        All of it or nothing: whoever finds too little free lets go of what it has, so no two wait for each other.
        """
        if not self.gpus:
            locked = _lock_some(self.folder / "cpus", self.cpus, self.cpus_per_slot)
            return self._slot("cpu", "", locked.descriptor) if locked else None
        uuids = {_byte_of(gpu): gpu.uuid for gpu in self.gpus if gpu.uuid not in avoid}
        locked = _lock_some(self.folder / "gpus", tuple(uuids), self.gpus_per_slot)
        if locked is None:
            return None
        return self._slot("cuda", ",".join(uuids[byte] for byte in locked.choices), locked.descriptor)

    def _slot(self, device: str, visible: str, descriptor: int) -> Slot:
        threads = dict.fromkeys(_THREADS, str(self.cpus_per_slot))
        env = {**threads, "CUDA_VISIBLE_DEVICES": visible, OF_ATTEMPT: str(self.folder.resolve())}
        return Slot(device=device, name=visible or device, env=env, descriptor=descriptor)


def take_name(name: str) -> int | None:
    """Hold a name on this host for as long as the returned descriptor is open; None where somebody else does."""
    byte = int.from_bytes(hashlib.sha256(os.fsencode(name)).digest()[:7], "big")
    locked = _lock_some(_open_folder(_named_folder()) / "names", (byte,), 1)
    return locked.descriptor if locked else None


def open_slots(gpus: Sequence[Gpu], cpus_per_attempt: int, slots: int | None, *, gpus_per_attempt: int = 1) -> Slots:
    """The slots of this host for attempts of a sweep: its GPUs where some are given, else its CPUs.

    `slots` bounds how many there are. Without GPUs it may also ask for more than the host has CPUs for; a GPU is never
    shared.

    Raises:
        Refused: the folder of the locks cannot be made, or is not what it should be.
    """
    folder = _open_folder(_named_folder())
    cpus = sorted(os.sched_getaffinity(0))
    if slots is None:
        each = min(cpus_per_attempt, len(cpus))
    else:
        each = cpus_per_attempt
        cpus = [*cpus, *range(_BEYOND, _BEYOND + slots * each)][: slots * each]
    bound = None if slots is None else slots * gpus_per_attempt
    return Slots(folder, tuple(gpus[:bound]), gpus_per_attempt, each, tuple(cpus))


def refuse_inside_an_attempt() -> None:
    """A sweep inside an attempt would wait for a slot, and the attempt, which holds one, for the sweep.

    Raises:
        Refused: it would take its slots where the attempt around it has its own from.
    """
    if os.environ.get(OF_ATTEMPT) == str(_named_folder().resolve()):
        raise Refused(
            f"this is inside attempt {os.environ.get('RUNNER_ATTEMPT_DIR')} of another sweep, which holds a slot while "
            "this sweep would wait for one, for ever perhaps; start it from outside, or give it slots of its own by "
            f'`env: {{{FOLDER}: "{{out}}/slots"}}` in the `command` of the sweep around it'
        )


def _named_folder() -> Path:
    return Path(os.environ.get(FOLDER) or DEFAULT_FOLDER)


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


def _byte_of(gpu: Gpu) -> int:
    """Of the file of locks: the same for everybody, whichever devices they see and in which order."""
    return int.from_bytes(hashlib.sha256(gpu.uuid.encode()).digest()[:7], "big")


class _Locked(NamedTuple):
    """Bytes of a file, and the descriptor that holds them."""

    descriptor: int
    choices: tuple[int, ...]


def _lock_some(path: Path, choices: Sequence[int], wanted: int) -> _Locked | None:
    """Lock `wanted` of these bytes of a file; None where too few are free."""
    descriptor = _open_lock_file(path)
    os.utime(descriptor)  # so that no cleaner of /tmp takes it for forgotten
    locked: list[int] = []
    for byte in choices:
        locked += [byte] if _lock_byte(descriptor, byte) else []
        if len(locked) == wanted:
            if not _is_still(path, descriptor):
                break
            return _Locked(descriptor, tuple(locked))
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

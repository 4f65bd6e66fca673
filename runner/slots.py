"""Devices and CPUs as locks of this host, so that two sweeps never share one unasked. Standard library only.

A slot is all that one attempt holds: some bytes of a file, one for each CPU or GPU, locked on an open file description
(fcntl(2), F_OFD_SETLK). Such a lock lives exactly as long as some process has the descriptor open. The scheduler takes
it, the supervisor inherits it and keeps it for as long as the attempt lives.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from db.errors import Refused
from runner.gpus import Gpu
from runner.host_locks import FOLDER, byte_of, lock_some, named_folder, open_folder

OF_ATTEMPT = "RUNNER_ATTEMPT_SLOTS"
"""By this an attempt is told in which folder the locks of its own slot lie."""
_BEYOND = 2**20
"""Numbers from here on stand for CPUs that are asked for and not there."""
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True, kw_only=True)
class Slot:
    """What one attempt may use. Whoever holds `descriptor` open holds the slot; nothing where a cluster keeps account
    of what it gives. `env` is for the worker.

    `device` is `cpu` or `cuda`, `name` that of the very device; of several, with commas between.
    """

    device: str
    name: str
    env: Mapping[str, str]
    descriptor: int | None

    def close(self) -> None:
        """Let go of it here: free once no other process holds it."""
        if self.descriptor is not None:
            os.close(self.descriptor)


class Places(Protocol):
    """Where the attempts of a sweep may run: how many at a time, and on what."""

    @property
    def gpus(self) -> tuple[Gpu, ...]: ...
    @property
    def gpus_per_slot(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def start_at_once(self) -> bool:
        """Whether what gets a slot is started, and does not wait in a queue."""
        ...

    def take(self, avoid: Collection[str] = (), *, in_flight: int = 0) -> Slot | None:
        """A slot, or None where none is to be had now. `in_flight` attempts that the sweep started here are open."""
        ...


@dataclass(frozen=True)
class Slots:
    """The slots of this host for a sweep: of `gpus_per_slot` GPUs each, or else of `cpus_per_slot` of `cpus`.

    CPUs go by number.
    """

    folder: Path
    gpus: tuple[Gpu, ...]
    gpus_per_slot: int
    cpus_per_slot: int
    cpus: tuple[int, ...]

    @property
    def start_at_once(self) -> bool:
        return True

    @property
    def count(self) -> int:
        """How many attempts these let run side by side, where nobody else is using them."""
        return len(self.gpus) // self.gpus_per_slot if self.gpus else len(self.cpus) // self.cpus_per_slot

    def take(self, avoid: Collection[str] = (), *, in_flight: int = 0) -> Slot | None:
        """A free slot, or None where there is none now; never with a device named in `avoid`.

        All of it or nothing: whoever finds too little free lets go of what it has, so no two wait for each other.
        An attempt that just ended holds no lock any more, and its place until its verdict is known: it may be why
        nothing more should be started.
        """
        if in_flight >= self.count:
            return None
        if not self.gpus:
            locked = lock_some(self.folder / "cpus", self.cpus, self.cpus_per_slot)
            return self._slot("cpu", "", locked.descriptor) if locked else None
        uuids = {byte_of(gpu.uuid): gpu.uuid for gpu in self.gpus if gpu.uuid not in avoid}
        locked = lock_some(self.folder / "gpus", tuple(uuids), self.gpus_per_slot)
        if locked is None:
            return None
        return self._slot("cuda", ",".join(uuids[byte] for byte in locked.choices), locked.descriptor)

    def _slot(self, device: str, visible: str, descriptor: int) -> Slot:
        env = {**threads(self.cpus_per_slot), "CUDA_VISIBLE_DEVICES": visible, OF_ATTEMPT: str(self.folder.resolve())}
        return Slot(device=device, name=visible or device, env=env, descriptor=descriptor)


def threads(cpus: int) -> Mapping[str, str]:
    """How an attempt's libraries are told how many threads they may use."""
    return dict.fromkeys(_THREADS, str(cpus))


def open_slots(gpus: Sequence[Gpu], cpus_per_attempt: int, slots: int | None, *, gpus_per_attempt: int = 1) -> Slots:
    """The slots of this host for attempts of a sweep: its GPUs where some are given, else its CPUs.

    `slots` bounds how many there are. Without GPUs it may also ask for more than the host has CPUs for; a GPU is never
    shared.

    Raises:
        Refused: the folder of the locks cannot be made, or is not what it should be.
    """
    folder = open_folder(named_folder())
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
    if os.environ.get(OF_ATTEMPT) == str(named_folder().resolve()):
        raise Refused(
            f"this is inside attempt {os.environ.get('RUNNER_ATTEMPT_DIR')} of another sweep, which holds a slot while "
            "this sweep would wait for one, for ever perhaps; start it from outside, or give it slots of its own by "
            f'`env: {{{FOLDER}: "{{out}}/slots"}}` in the `command` of the sweep around it'
        )

"""What a scheduler knows of the memory of its runs before it launches them: what was predicted, and what was seen."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from dataclasses import dataclass, field

from db.foreseen import Foreseen
from db.ledger import Ledger
from db.records import BatchSplit
from runner.fitting import Room, room
from runner.gpus import Gpu
from runner.predicted import expected_peak
from runner.prepare import PreparedRun, PreparedSweep
from runner.seen import NOTHING_SEEN, First, Seen, first_batch, informed, seen_within
from runner.slots import Places, Slot
from runner.training_work import Training
from sweeps.settings import Resources

FRESH_SECONDS = 1.0
"""So long what was read of the ledger is believed, for other sweeps write there too; longer where reading is slow."""


@dataclass
class Foresight:
    """`room` is what an attempt has at least, on whichever device; `learns`: what was seen counts.

    `holds`: siblings wait for the first of a shape to show whether it fits; not where it would wait in a queue itself.
    """

    ledger: Ledger
    room: Room
    resources: Resources
    gpus: tuple[Gpu, ...]
    learns: bool
    holds: bool
    _read: dict[str, tuple[float, Seen]] = field(default_factory=dict)
    _held: dict[str, float] = field(default_factory=dict)

    def first(self, run: PreparedRun) -> First:
        """How the first attempt of a run cuts its batch."""
        return first_batch(run.work.effective_batch, run.cut, self._seen(run))

    def later(self, run: PreparedRun, batch: BatchSplit) -> BatchSplit:
        """How a later attempt does that would otherwise cut it so."""
        return informed(batch, self._seen(run))

    def trial(self, run: PreparedRun, batch: BatchSplit, running: Collection[int]) -> str | None:
        """The attempt, of those that are `running`, that is to show first whether such a batch fits.

        Without it, siblings that start side by side would all run out of memory by the same batch.
        """
        where = self._seen(run).trial(batch, running) if self.holds else None
        if where and isinstance(run.work, Training):
            self._held[run.work.shape] = time.monotonic() + FRESH_SECONDS
        return where

    def is_held(self, run: PreparedRun) -> bool:
        """Whether a run of the same shape had to wait for such an attempt a moment ago."""
        return isinstance(run.work, Training) and time.monotonic() < self._held.get(run.work.shape, 0.0)

    def foreseen(self, run: PreparedRun, batch: BatchSplit, slot: Slot) -> Foreseen | None:
        """What is recorded with an attempt in this slot; nothing of commands."""
        work = run.work
        if not isinstance(work, Training):
            return None
        own = self._room_of(slot)
        predicted = (
            expected_peak(work.memory, batch, own.place, recompute=work.recomputes(batch)) if work.memory else None
        )
        return Foreseen(
            shape=work.shape, device=own.place.device, room=own.limit_bytes, predicted_memory=predicted or None
        )

    def forget(self) -> None:
        """An attempt was opened or has ended: what was read is no longer all there is."""
        self._read.clear()
        self._held.clear()

    def _room_of(self, slot: Slot) -> Room:
        held = [gpu for gpu in self.gpus if gpu.uuid in slot.name.split(",")]
        return room(self.resources, held, os.environ)

    def _seen(self, run: PreparedRun) -> Seen:
        limit = self.room.limit_bytes
        if not self.learns or limit is None or not isinstance(run.work, Training) or run.work.why_indivisible:
            return NOTHING_SEEN
        shape, begun = run.work.shape, time.monotonic()
        good_until, seen = self._read.get(shape, (begun, NOTHING_SEEN))
        if begun >= good_until:
            seen = seen_within(limit, self.ledger.read_sights(shape, self.room.place.device))
            now = time.monotonic()
            self._read[shape] = now + max(FRESH_SECONDS, 20 * (now - begun)), seen
        return seen


def foresight_of(sweep: PreparedSweep, ledger: Ledger, places: Places) -> Foresight:
    """Of a sweep whose attempts run there."""
    return Foresight(
        ledger=ledger,
        room=room(sweep.resources, places.gpus, os.environ),
        resources=sweep.resources,
        gpus=places.gpus,
        holds=places.start_at_once,
        learns=sweep.memory.learn,
    )

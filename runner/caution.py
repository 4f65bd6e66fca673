"""What a scheduler has learnt from how its attempts ended: whether to start more of them, and on which devices."""

from __future__ import annotations

from db.ledger import OpenAttempt
from db.verdicts import Verdict
from runner.breaker import Ending, busy_devices, faulty_devices, why_stop
from runner.slots import Places, Slot


class Caution:
    """`halted` is why nothing more is started, once there is a reason; the next `runner sweep` begins without one."""

    def __init__(self, slots: Places, in_a_row: int) -> None:
        self.halted: str | None = None
        self._slots = slots
        self._in_a_row = in_a_row
        self._endings: list[Ending] = []

    def learn_from(self, attempt: OpenAttempt, verdict: Verdict) -> str | None:
        """Take an ending in. Returns the reason where nothing more should be started from now on."""
        self._endings.append(Ending(run_id=attempt.run_id, device=attempt.device, verdict=verdict))
        if self.halted is None:
            self.halted = why_stop(self._endings, self._in_a_row) or self._why_no_device()
            return self.halted
        return None

    def take_slot(self, in_flight: int) -> Slot | None:
        """Rather not a device that others held a moment ago, and never one that is broken."""
        faulty = faulty_devices(self._endings)
        free = faulty | busy_devices(self._endings)
        return self._slots.take(free, in_flight=in_flight) or self._slots.take(faulty, in_flight=in_flight)

    def _why_no_device(self) -> str | None:
        names, each = {gpu.uuid for gpu in self._slots.gpus}, self._slots.gpus_per_slot
        usable = len(names - faulty_devices(self._endings))
        if not names or usable >= each:
            return None
        left = f"; {usable} of {len(names)} are left, and an attempt takes {each}" if usable else ""
        return f"{'every GPU' if not usable else 'GPUs'} failed twice in a row{left}"

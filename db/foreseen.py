"""What an attempt's memory was known to be before it was launched, and what became of such attempts. Bytes.

Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from db.records import BatchSplit
from db.strict import require_positive

Device = Literal["cpu", "gpu"]
Came = Literal["fits", "too_large", "tried"]
"""An attempt trained to its end, or ran out of its device's memory; or it is open and has yet to show which."""


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """Of one attempt. `shape` stands for all that decides the memory of its training step, but the batch.

    `room` is what it has on its device, nothing where no limit is known; `predicted_memory` is what its own micro batch
    was predicted to take of what `peak_memory` measures, nothing where no step could be rehearsed.
    """

    shape: str
    device: Device
    room: int | None
    predicted_memory: int | None

    def __post_init__(self) -> None:
        given = ("room", "predicted_memory")
        require_positive(self, *(key for key in given if getattr(self, key) is not None))


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What was seen of attempts of one shape that cut their batch alike and had the same `room`.

    `attempt_id` and `where` (run and number) name the first of them; each that is only `tried` stands for itself.
    """

    attempt_id: int
    where: str
    batch: BatchSplit
    room: int
    came: Came

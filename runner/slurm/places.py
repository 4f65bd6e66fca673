"""What a cluster gives: as many places as may be with it at a time, while it answers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from runner.gpus import Gpu
from runner.slots import Slot, threads


@dataclass(frozen=True)
class ClusterPlaces:
    """`device` is what an attempt gets: `cpu` or `cuda`; of which node and card it is, only the cluster knows."""

    device: str
    cpus: int
    count: int
    why_not_now: Callable[[], str | None]
    most: Callable[[], int | None] = lambda: None
    gpus: tuple[Gpu, ...] = ()
    gpus_per_slot: int = 1
    start_at_once: bool = False

    def take(self, avoid: Collection[str] = (), *, in_flight: int = 0) -> Slot | None:  # noqa: ARG002 - it has no names
        """Nothing is submitted to a cluster that does not answer: it would be refused, and count as a failure."""
        most = self.most()
        if in_flight >= (self.count if most is None else min(self.count, most)) or self.why_not_now():
            return None
        return Slot(device=self.device, name="slurm", env=threads(self.cpus), descriptor=None)

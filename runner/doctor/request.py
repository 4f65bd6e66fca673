"""What a sweep file asks for, as far as a place has to have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from db.errors import Refused
from sweeps.settings import Resources
from sweeps.slurm import Slurm
from sweeps.units import seconds_of


@dataclass(frozen=True, kw_only=True)
class Request:
    """Without a sweep file: what one that says nothing of it would ask for."""

    resources: Resources = field(default_factory=Resources)
    slurm: Slurm = field(default_factory=Slurm)

    @property
    def gpu_of_cluster(self) -> bool:
        """Whether an attempt on a cluster is to get a GPU."""
        gpus = self.resources.gpus
        return gpus != "none" and (self.slurm.asks_for_gpu or isinstance(gpus, int))


def read_request(file: Path | None, overrides: Sequence[str], profile: str | None, launcher: str) -> Request:
    """What the file asks for, for this launcher.

    Raises:
        Refused: it cannot be read.
    """
    if file is None:
        return Request()
    from runner.failures import BY_WORD
    from runner.grounds import ground_of
    from sweeps.spec import read_sweep

    ground = ground_of(launcher)
    spec = read_sweep(
        file, overrides, profile=profile, gpus=ground.gpu_count, cluster=ground.cluster, known_kinds=BY_WORD
    )
    return Request(resources=spec.resources, slurm=spec.slurm)


def typed_patience(text: str) -> float:
    """Seconds that a person typed.

    Raises:
        Refused: it is no duration.
    """
    try:
        return seconds_of(text)
    except ValueError as fault:
        raise Refused(f"--within: {fault}") from None

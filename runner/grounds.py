"""Where the attempts of a sweep run: on this host, or on a cluster. What of it a sweep needs to know."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

from db.errors import Refused
from runner.fitting import Room, room
from runner.gpus import Gpu, Gpus, find_gpus
from runner.launchers.named import Launchers
from runner.placement import Growth
from runner.slots import Places, open_slots, refuse_inside_an_attempt
from sweeps.settings import Resources
from sweeps.slurm import Slurm
from sweeps.spec import SweepSpec

WALL_SHARE = 0.5
"""Of a short job's time, at least this much is the attempt's."""


class Ground(Protocol):
    """`launcher` is the name of its launcher; `cluster` whether it is another place than here."""

    launcher: str
    cluster: bool

    @property
    def gpu_count(self) -> int | None:
        """How many GPUs there are; None where nobody can tell."""
        ...

    def room(self, spec: SweepSpec) -> Room:
        """What an attempt's step has to fit into."""
        ...

    def require_usable(self, spec: SweepSpec, root: Path) -> None:
        """Before anything is made.

        Raises:
            Refused: attempts cannot be started here.
        """
        ...

    def places(self, spec: SweepSpec, launchers: Launchers) -> Places: ...

    def growth(self, spec: SweepSpec) -> Growth | None:
        """How much memory an attempt that had too little may be given instead; nothing where it is always the same."""
        ...

    def wall(self, spec: SweepSpec) -> float | None:
        """After how many seconds an attempt has to be over, for its job will be ended; nothing where none is set."""
        ...


class Here:
    """This host."""

    launcher = "local"
    cluster = False

    @cached_property
    def _gpus(self) -> Gpus:
        return find_gpus()

    @property
    def gpu_count(self) -> int | None:
        return self._gpus.count

    def room(self, spec: SweepSpec) -> Room:
        return room(spec.resources, self._usable(spec.resources), os.environ)

    def require_usable(self, spec: SweepSpec, root: Path) -> None:  # noqa: ARG002 - of clusters
        self._usable(spec.resources)
        refuse_inside_an_attempt()

    def places(self, spec: SweepSpec, launchers: Launchers) -> Places:  # noqa: ARG002 - of clusters
        asked = spec.resources
        each = asked.gpus if isinstance(asked.gpus, int) else 1
        return open_slots(self._usable(asked), asked.cpus, asked.slots, gpus_per_attempt=each)

    def growth(self, spec: SweepSpec) -> None:  # noqa: ARG002 - of clusters
        return

    def wall(self, spec: SweepSpec) -> float | None:  # noqa: ARG002 - of clusters
        return None

    def _usable(self, asked: Resources) -> Sequence[Gpu]:
        return () if asked.gpus == "none" else self._gpus.usable()


class OnSlurm:
    """The cluster whose commands are on PATH."""

    launcher = "slurm"
    cluster = True
    gpu_count = None

    def room(self, spec: SweepSpec) -> Room:
        """Its cards are not known here: nothing is said of their memory."""
        return room(spec.resources, (), os.environ)

    def require_usable(self, spec: SweepSpec, root: Path) -> None:  # noqa: ARG002 - of hosts
        odd = next((one for one in str(root.absolute()) if one == "\\" or not one.isprintable()), None)
        if odd:
            raise Refused(f"--root {root}: Slurm reads {odd!r} in it otherwise; use a folder without it")
        missing = [name for name in ("sbatch", "squeue", "scancel") if shutil.which(name) is None]
        if missing:
            raise Refused(
                f"`{'`, `'.join(missing)}` not found on PATH: this host is no login node of a Slurm cluster; "
                "`runner doctor` says what else it needs, and without --launcher slurm the sweep runs here"
            )

    def places(self, spec: SweepSpec, launchers: Launchers) -> Places:
        from runner.slurm.places import ClusterPlaces

        asked, resources, launcher = spec.slurm, spec.resources, launchers.named("slurm")
        gpu = resources.gpus != "none" and (asked.asks_for_gpu or isinstance(resources.gpus, int))
        return ClusterPlaces(
            device="cuda" if gpu else "cpu",
            cpus=resources.cpus,
            count=min(asked.at_once, resources.slots or asked.at_once),
            why_not_now=launcher.why_not_now,
            most=launcher.most,
        )

    def growth(self, spec: SweepSpec) -> Growth | None:
        first, most = spec.slurm.memory, spec.slurm.memory_up_to
        return Growth(first=first, most=most) if first is not None and most is not None else None

    def wall(self, spec: SweepSpec) -> float | None:
        return wall_of(spec.slurm)


def wall_of(asked: Slurm) -> float | None:
    """Early enough to end in order before Slurm ends it. Pure."""
    from runner.slurm.array import ROOM_TO_END

    return None if asked.time is None else max(asked.time - ROOM_TO_END, asked.time * WALL_SHARE)


def ground_of(launcher: str) -> Ground:
    return OnSlurm() if launcher == "slurm" else Here()


def launchers_of(root: Path, spec: SweepSpec) -> Launchers:
    return Launchers(root, spec.slurm, spec.resources)

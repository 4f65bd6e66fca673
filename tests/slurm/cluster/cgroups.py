"""What jobs leave on the machine: processes of steps, and the nodes' cgroups."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from slurm.cluster.daemons import until

_HIERARCHIES = Path("/sys/fs/cgroup")
MARK = "RUNNER_SLURM_CLUSTER"  # in the environment of daemons, and so of what they start themselves: no job's
NEEDED = ("memory", "freezer")


def of_nodes(nodes: Iterable[str]) -> list[Path]:
    """Every cgroup that a `slurmd` of these nodes made, in every hierarchy."""
    return [path for node in nodes for path in _HIERARCHIES.glob(f"*/slurm_{node}")]


def processes_left(root: Path, conf: Path, nodes: Iterable[str]) -> set[int]:
    """Those in the nodes' cgroups, those that daemons of this root started, and those of its jobs."""
    found = {int(pid) for top in of_nodes(nodes) for file in top.rglob("cgroup.procs") for pid in _words(file)}
    of_daemons = f"{MARK}={root}".encode()
    of_cluster = f"SLURM_CONF={conf}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            environment = (folder / "environ").read_bytes().split(b"\0")
            of_job = of_cluster in environment and any(entry.startswith(b"SLURM_JOB_ID=") for entry in environment)
            if of_job or of_daemons in environment or _is_stepd_of(root, folder):
                found.add(int(folder.name))
    return found - {os.getpid(), 0}


def _is_stepd_of(root: Path, process: Path) -> bool:
    """One that outlived its slurmd has overwritten its environment with its title. It holds the cluster's log open."""
    if not (process / "cmdline").read_bytes().startswith(b"slurmstepd"):
        return False
    return any(str(held.readlink()).startswith(f"{root}/") for held in (process / "fd").iterdir())


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []


def end_processes(root: Path, conf: Path, nodes: tuple[str, ...]) -> None:
    def none_left() -> bool:
        left = processes_left(root, conf, nodes)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    until(none_left, 10)


def remove(nodes: tuple[str, ...]) -> None:
    """The innermost first. A cgroup stays busy for a moment after its last process has gone."""

    def gone() -> bool:
        for top in of_nodes(nodes):
            for folder in sorted((top, *(path for path in top.rglob("*") if path.is_dir())), reverse=True):
                with suppress(OSError):
                    folder.rmdir()
        return not of_nodes(nodes)

    until(gone, 10)

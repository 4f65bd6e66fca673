"""What is judged of a job beyond what the sweep file says of it: what it gets then. Pure, as `cluster_checks`."""

from __future__ import annotations

from collections.abc import Iterator

from db.legible import legible
from runner.doctor.cluster import Cluster, left_out
from runner.doctor.finding import Finding, failing, fine, warning
from runner.doctor.request import Request
from runner.doctor.submit_limits import Ceiling, Registered, ceilings
from runner.launchers.slurm import LARGEST_ARRAY
from runner.slurm.array import MIB, memory_of
from sweeps.units import size

_ENFORCING = frozenset({"limits", "safe", "all"})
_LONGEST_VALUE = 100


def shell(cluster: Cluster) -> Finding | None:
    if not cluster.config:
        return None
    unseen = left_out(cluster.request, cluster.variables)
    heeded = {name: value for name, value in sorted(cluster.variables.items()) if name not in unseen}
    told = ", ".join(f"{name}={legible(value, _LONGEST_VALUE)}" for name, value in heeded.items())
    if unseen:
        more = f"; heeded: {told}" if told else ""
        return warning(
            "shell",
            f"sbatch would heed these more than the sweep file, so they are left out: {', '.join(unseen)}{more}",
            "say what they ask for in the `slurm` section of the sweep file",
        )
    return fine("shell", f"heeded: {told}" if told else "no variable of sbatch (SBATCH_...) is set")


def memory(cluster: Cluster) -> Finding | None:
    counted = cluster.config.get("SelectTypeParameters")
    if counted is None:
        return None
    if asked := _asked_memory(cluster.request):
        return fine("memory", f"an attempt asks for {asked}")
    if "MEMORY" not in counted.upper():
        return fine("memory", f"none is asked for, and it is not limited (SelectTypeParameters={counted})")
    said = _default_memory(cluster) or "the whole memory of its node, so no two attempts share a node"
    return warning("memory", f"none is asked for: an attempt gets {said}", "set slurm.memory")


def _asked_memory(request: Request) -> str | None:
    asked = memory_of(request.slurm, request.resources)
    if asked is not None:
        return size(asked)
    extra = request.slurm.extra
    return next((f"{extra[key]} ({key})" for key in ("mem-per-cpu", "mem-per-gpu") if key in extra), None)


def _default_memory(cluster: Cluster) -> str | None:
    """That of its partition, else that of the cluster; nothing where it is UNLIMITED."""
    of_partitions = [cluster.details[name] for name in cluster.partitions[:1] if name in cluster.details]
    for facts in (*of_partitions, cluster.config):
        for key in ("DefMemPerCPU", "DefMemPerNode"):
            mib = int(facts[key]) if facts.get(key, "").isdecimal() else 0
            if mib:
                cpus = cluster.request.resources.cpus if key == "DefMemPerCPU" else 1
                return f"{size(mib * cpus * MIB)}, which is the default ({key}={mib}, in MiB)"
    return None


def at_once(cluster: Cluster) -> int:
    """How many tasks an array of the sweep may have."""
    return min(cluster.request.slurm.at_once, LARGEST_ARRAY)


def limits(cluster: Cluster) -> Finding | None:
    if cluster.registered is None:
        return None
    known = list(_ceilings(cluster, cluster.registered))
    if not known:
        return None
    most, by = min(known)
    if most == 0:
        return failing("limits", f"no job may be submitted (0 is {by})", "ask whoever runs the cluster for some")
    if most < cluster.request.slurm.at_once:
        return warning(
            "limits",
            f"{most} jobs at a time ({by}): the rest waits here, and is submitted as places become free",
            f"set slurm.at_once: {most}",
        )
    return fine("limits", f"up to {most} jobs at a time ({by})")


def _ceilings(cluster: Cluster, registered: Registered) -> Iterator[Ceiling]:
    most = cluster.config.get("MaxJobCount", "")
    if most.isdecimal():
        yield Ceiling(int(most), "MaxJobCount")
    if _ENFORCING & set(cluster.config.get("AccountingStorageEnforce", "").split(",")):  # else nobody heeds them
        partitions = {name: cluster.details.get(name, {}).get("QoS", "") for name in cluster.partitions}
        yield from ceilings(registered, cluster.chosen("account"), cluster.chosen("qos"), partitions)

"""What is judged of a cluster before a job is tried there. Pure: facts in, findings out; one function a check.

A check says nothing where an earlier one tells why there is nothing to judge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from db.strict import nearest
from runner.doctor.cluster import NEEDED, Cluster
from runner.doctor.finding import Finding, failing, fine, warning
from runner.doctor.job_checks import at_once, limits, memory, shell
from runner.doctor.offers import Offer
from runner.slurm.array import time_of
from sweeps.units import duration


def commands(cluster: Cluster) -> Finding:
    needed = [name for name in cluster.missing if name in NEEDED]
    if needed:
        return failing(
            "commands",
            f"not on PATH: {', '.join(needed)}",
            "work on a login node of the cluster; some need `module load slurm` first",
        )
    if cluster.missing:
        missing = ", ".join(cluster.missing)
        return warning("commands", f"not on PATH: {missing}", "install the whole of Slurm's client; sweeps run without")
    return fine("commands", "all of Slurm's that a sweep needs are on PATH")


def controller(cluster: Cluster) -> Finding | None:
    if cluster.why_silent:
        return failing(
            "controller",
            f"slurm does not answer: {cluster.why_silent}",
            "try `scontrol ping`; SLURM_CONF may have to name its slurm.conf, or the controller is down",
        )
    if not cluster.config:
        return None
    who = cluster.config.get("ClusterName", "unnamed")
    return fine("controller", f"cluster {who} answers, Slurm {cluster.config.get('SLURM_VERSION', 'of no version')}")


def partition(cluster: Cluster) -> Finding | None:
    if not cluster.config:
        return None
    if cluster.why_no_offers:
        return warning("partition", f"not known: {cluster.why_no_offers}", "try `sinfo`")
    known = sorted({offer.partition for offer in cluster.offers})
    names = cluster.partitions
    if not names:
        return failing("partition", "there is no default one", f"set slurm.partition: {', '.join(known)}")
    for name in names:
        if name not in known:
            return failing("partition", f"there is no `{name}`{nearest(name, known)}", "set slurm.partition to another")
    return _usable([offer for offer in cluster.offers if offer.partition in names], names, cluster)


def _usable(offers: Sequence[Offer], names: Sequence[str], cluster: Cluster) -> Finding:
    named = f"`{','.join(names)}`"
    working = [offer for offer in offers if offer.up and offer.at_work]
    states = Counter[str]()
    for offer in offers:
        states[offer.state] += offer.nodes
    told = ", ".join(f"{count} {state}" for state, count in states.items())
    if not any(offer.up for offer in offers):
        return failing("partition", f"{named} is not up: no job starts there", "set slurm.partition to another")
    if not working:
        return failing("partition", f"no node of {named} takes jobs: {told}", "`sinfo -R` tells why; ask about it")
    if cluster.request.gpu_of_cluster and not any(offer.has_gpu for offer in working):
        return failing("partition", f"no node of {named} has a GPU", "set slurm.partition to one whose nodes have")
    limits = [offer.longest for offer in working]
    longest = None if None in limits else max(limit for limit in limits if limit is not None)
    asked = time_of(cluster.request.slurm, cluster.request.resources)
    if asked is not None and longest is not None and asked.minutes * 60 > longest:
        return failing(
            "partition",
            f"{named} lets a job run for {duration(longest)}, and {asked.setting} asks for "
            f"{duration(asked.minutes * 60)}",
            "set slurm.time to less: a training that reaches its job's time goes on in another one",
        )
    long = f", for {duration(longest)} at most" if longest is not None else ""
    return fine("partition", f"{named} is up{long}; nodes: {told}")


def request(cluster: Cluster) -> Finding | None:
    if not cluster.config:
        return None
    if cluster.why_refused:
        return failing(
            "request",
            f"sbatch would not take an attempt: {cluster.why_refused}",
            "change the `slurm` section of the sweep file (slurm.partition, account, qos, gres, memory, time)",
        )
    return fine("request", "sbatch would take an attempt")


def arrays(cluster: Cluster) -> Finding | None:
    most = cluster.config.get("MaxArraySize", "")
    wanted = at_once(cluster)
    if not most.isdecimal():
        return None
    if int(most) == 0:
        return failing("arrays", "this cluster takes no job arrays (MaxArraySize=0)", "ask whoever runs it for them")
    if int(most) < wanted:
        return warning("arrays", f"they have at most {most} tasks (MaxArraySize)", f"set slurm.at_once: {most}")
    return fine("arrays", f"of up to {wanted} tasks")


def accounting(cluster: Cluster) -> Finding | None:
    if not cluster.config:
        return None
    forgotten = cluster.config.get("MinJobAge", "some minutes")
    if not cluster.keeps_accounts:
        return warning(
            "accounting",
            f"this cluster keeps no accounts: how a job ended is known for {forgotten} after its end, by squeue",
            "sweeps run without; keep `runner sweep` running: of a job that ended while nobody looked, only what the "
            "attempt itself recorded is known, and not that it was preempted, or lost its node",
        )
    if cluster.why_no_accounts:
        return warning(
            "accounting",
            f"it is not heard: {cluster.why_no_accounts}",
            "try `sacct`; until it answers, each end is believed a minute later, and by squeue alone",
        )
    return fine("accounting", "sacct answers")


CLUSTER: Sequence[Callable[[Cluster], Finding | None]] = (
    commands,
    controller,
    shell,
    partition,
    request,
    memory,
    arrays,
    limits,
    accounting,
)

"""The configuration files of a cluster, filled in from the templates beside this file."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from string import Template

from slurm.cluster.shape import Place, Shape

_MEMORY = {
    "cgroup": "ProctrackType=proctrack/cgroup\nTaskPlugin=task/cgroup\nJobAcctGatherType=jobacct_gather/cgroup",
    "none": "ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/linux",
}
# Clients of slurmdbd ignore AuthInfo: with munge, its socket is their password. AccountingStorageEnforce=none is fatal.
_ACCOUNTING = """AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={port}
AccountingStoragePass={root}/munge/socket"""
_NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory={memory} State=UNKNOWN"
)


def write_config(root: Path, shape: Shape, place: Place) -> None:
    """All of it into `root/etc`, the folder that `SLURM_CONF` points into."""
    host = socket.gethostname().partition(".")[0]
    accounting = _ACCOUNTING.format(port=place.slurmdbd_port, root=root)
    nodes = (
        _NODE.format(name=name, host=host, port=port, cpus=shape.cpus_of_node, memory=shape.memory_of_node)
        for name, port in zip(place.nodes, place.slurmd_ports, strict=True)
    )
    filled = {
        "root": root,
        "host": host,
        "slurmctld_port": place.slurmctld_port,
        "slurmdbd_port": place.slurmdbd_port,
        "mariadb_port": place.mariadb_port,
        "slurmd_timeout": shape.slurmd_timeout,
        "memory": _MEMORY[shape.memory],
        "accounting": accounting if shape.accounting else "AccountingStorageType=accounting_storage/none",
        "nodes": "\n".join(nodes),
        "more": shape.more_conf,
    }
    for template in Path(__file__).parent.glob("*.conf.in"):
        file = root / "etc" / template.stem
        file.write_text(Template(template.read_text()).substitute(filled))
        file.chmod(0o644)
    secret = root / "etc" / "slurmdbd.conf"  # slurmdbd refuses one that others can read
    secret.chmod(0o600)
    shutil.chown(secret, "slurm", "slurm")

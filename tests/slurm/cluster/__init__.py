"""A real Slurm cluster on loopback, for tests: Debian's daemons, without systemd, below one temporary folder."""

from slurm.cluster.cluster import Cluster, StartFailedError, running
from slurm.cluster.shape import Shape
from slurm.cluster.usable import why_not

__all__ = ["Cluster", "Shape", "StartFailedError", "running", "why_not"]

"""Why a job waits, in Slurm's words: which reasons do not pass by themselves, and what helps then. Pure.

Source: squeue(1), "JOB REASON CODES", and https://slurm.schedmd.com/resource_limits.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_HOPELESS: Mapping[str, str] = {
    "AccountNotAllowed": "name another `slurm.account`",
    "BadConstraints": "no node has all that is asked for: see `slurm.constraint`, `slurm.gres` and `slurm.memory`",
    "DependencyNeverSatisfied": "what it waits for has failed",
    "InvalidAccount": "name another `slurm.account`",
    "InvalidQOS": "name another `slurm.qos`",
    "JobHeldAdmin": "whoever runs the cluster holds it: ask them",
    "JobHeldUser": "`scontrol release {job}` lets it go",
    "PartitionConfig": "it asks for what the partition does not grant: ask for less, or name another",
    "PartitionNodeLimit": "name another `slurm.partition`",
    "PartitionTimeLimit": "ask for less `slurm.time` (or `resources.time`), or name another `slurm.partition`",
    "QOSNotAllowed": "name another `slurm.qos`",
}
_OF_ONE_JOB = re.compile(r"(?:QOS|Assoc)(?:Max\w+Per(?:Job|Node)\w*|Min\w+)")
"""Limits that the job breaks alone, as `QOSMaxWallDurationPerJobLimit`; `QOSMaxCpuPerUserLimit` passes with others."""


def advice(reason: str, job: str) -> str | None:
    """What helps a job that will not start by itself; nothing where it will."""
    if reason in _HOPELESS:
        return _HOPELESS[reason].format(job=job)
    alone = _OF_ONE_JOB.fullmatch(reason)
    return "ask for less, or name another `slurm.qos` or `slurm.account`" if alone else None

"""Slurm's words for the state of a job or step. The map is closed: a word that is not in it is never an end.

Source: squeue(1), "JOB STATE CODES", and sacct(1), of Slurm 22.05 and 24.11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from runner.launchers.looks import Fault

Phase = Literal["queued", "going", "gone"]


@dataclass(frozen=True)
class State:
    """Where a job stands. `good`: it ended by itself, well; `fault` is what its end is called here."""

    phase: Phase
    good: bool = False
    fault: Fault | None = None


_QUEUED = State("queued")
_GOING = State("going")

STATES: Mapping[str, State] = {
    "PENDING": _QUEUED,
    "CONFIGURING": _QUEUED,
    "REQUEUED": _QUEUED,
    "REQUEUE_FED": _QUEUED,
    "REQUEUE_HOLD": _QUEUED,
    "RESV_DEL_HOLD": _QUEUED,
    "SPECIAL_EXIT": _QUEUED,
    "RUNNING": _GOING,
    "COMPLETING": _GOING,
    "RESIZING": _GOING,
    "SIGNALING": _GOING,
    "STAGE_OUT": _GOING,
    "STOPPED": _GOING,
    "SUSPENDED": _GOING,
    "COMPLETED": State("gone", good=True),
    "FAILED": State("gone"),
    "BOOT_FAIL": State("gone", fault="node_lost"),
    "NODE_FAIL": State("gone", fault="node_lost"),
    "LAUNCH_FAILED": State("gone", fault="launch_refused"),
    "RECONFIG_FAIL": State("gone", fault="launch_refused"),
    "PREEMPTED": State("gone", fault="preempted"),
    "OUT_OF_MEMORY": State("gone", fault="host_oom"),
    "TIMEOUT": State("gone", fault="wall_time"),
    "DEADLINE": State("gone", fault="wall_time"),
    "CANCELLED": State("gone", fault="cancelled"),
}

WORST: tuple[Fault, ...] = ("node_lost", "preempted", "launch_refused", "host_oom", "wall_time", "cancelled")
"""Where several words are heard of one job, the first of these is what happened; others came of it."""


def state_of(word: str) -> State | None:
    """What a word means, `CANCELLED by 1000` included; nothing where it is not known."""
    first = word.split()[:1]
    return STATES.get(first[0]) if first else None

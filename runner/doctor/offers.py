"""What a cluster's partitions offer, as sinfo tells it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from runner.slurm.reading import Unreadable

FORMAT = "%P|%a|%l|%D|%T|%G"
"""Partition (the default one with `*`), whether it is up, time limit, how many nodes, their state, their gres."""
_AT_WORK = frozenset({"idle", "mixed", "allocated", "completing", "planned", "reserved", "blocked"})
_LIMIT = re.compile(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)")


@dataclass(frozen=True, kw_only=True)
class Offer:
    """Nodes of one partition that are alike. `longest` in seconds, nothing where there is no limit."""

    partition: str
    default: bool
    up: bool
    longest: float | None
    nodes: int
    state: str
    gres: str

    @property
    def at_work(self) -> bool:
        """Whether they take jobs now or when others have ended. `idle*` does not answer, `idle~` is only asleep."""
        return not self.state.endswith("*") and self.state.rstrip("~#!%$@^-+") in _AT_WORK

    @property
    def has_gpu(self) -> bool:
        return "gpu" in self.gres


def read_offers(text: str) -> list[Offer]:
    """What `sinfo -h -a -o FORMAT` printed.

    Raises:
        Unreadable: a line is not of this form.
    """
    return list(_offers(text))


def _offers(text: str) -> Iterator[Offer]:
    for line in text.splitlines():
        fields = line.strip().split("|", 5)
        if len(fields) != 6 or not fields[3].isdecimal():
            raise Unreadable(f"sinfo printed {line[:200]!r}")
        partition, up, longest, nodes, state, gres = fields
        yield Offer(
            partition=partition.rstrip("*"),
            default=partition.endswith("*"),
            up=up == "up",
            longest=_seconds(longest),
            nodes=int(nodes),
            state=state,
            gres=gres,
        )


def _seconds(limit: str) -> float | None:
    """`1-00:00:00`, `30:00`; nothing of `infinite`, or of what is no time."""
    match = _LIMIT.fullmatch(limit)
    if match is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def read_partitions(text: str) -> Mapping[str, Mapping[str, str]]:
    """What `scontrol -o show partition` printed, by name: `PartitionName=main AllowGroups=ALL ... QoS=N/A ...`."""
    rows = (dict(word.split("=", 1) for word in line.split() if "=" in word) for line in text.splitlines())
    return {row["PartitionName"]: row for row in rows if "PartitionName" in row}


def read_config(text: str) -> Mapping[str, str]:
    """What `scontrol show config` printed: `MaxArraySize            = 10001`."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}

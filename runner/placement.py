"""What an attempt asks of a cluster, by what became of the run's earlier ones. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from db.verdicts import History

MOST_AVOIDED = 3
"""Nodes of a cluster."""
_OF_NODES = ("node_lost", "device_fault", "launch_refused")
_OF_MEMORY = "host_oom"


class Placement(NamedTuple):
    """Never on a node of `avoid`; with `memory` bytes, or what the sweep says."""

    avoid: tuple[str, ...] = ()
    memory: int | None = None


@dataclass(frozen=True, kw_only=True)
class Growth:
    """Memory that a cluster is asked for: `first` bytes, and twice as much after each attempt that had too little, up
    to `most`.
    """

    first: int
    most: int

    def of_next(self, history: History) -> int:
        """Bytes for the next attempt."""
        return self._after(_had_too_little(history))

    def helps(self, history: History) -> bool:
        """Whether the latest attempt had too little, and the next one would get more."""
        short = _had_too_little(history)
        return history.attempts[-1].failure_kind == _OF_MEMORY and self._after(short) > self._after(short - 1)

    def _after(self, short: int) -> int:
        return int(min(self.first * 2**short, self.most))


def _had_too_little(history: History) -> int:
    """How many did, those before a `runner retry` too: what they needed is known."""
    return sum(past.failure_kind == _OF_MEMORY for past in history.attempts)


def placement(history: History, growth: Growth | None) -> Placement:
    """Of the run's next attempt."""
    return Placement(avoid=_nodes_to_avoid(history), memory=growth.of_next(history) if growth else None)


def _nodes_to_avoid(history: History) -> tuple[str, ...]:
    """Where attempts failed for what may be the node's fault: the latest few, for there may not be more, and none of
    before a `runner retry`.
    """
    counted = [one for one in history.attempts if one.number > history.forgiven]
    nodes = (one.node for one in reversed(counted) if one.failure_kind in _OF_NODES and one.node)
    return tuple(sorted(list(dict.fromkeys(nodes))[:MOST_AVOIDED]))

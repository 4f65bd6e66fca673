"""What a launcher knows of something it was given: where it stands, and how it saw it end. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Fault = Literal["preempted", "node_lost", "cancelled", "wall_time", "host_oom", "launch_refused"]
"""What only a launcher can tell, by the word of the failure that it names."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """How the launcher saw it end: one more witness.

    `agrees`: nothing in it speaks against a success. `fault` is what it was, where the launcher tells more than that it
    failed; `node` is where it ran. `heard`: it knew anything of it at all.
    """

    who: str
    said: str
    agrees: bool
    fault: Fault | None = None
    node: str | None = None
    heard: bool = True


@dataclass(frozen=True, kw_only=True)
class Queued:
    """It waits for its turn. `reason` is the launcher's; `advice` is what helps where it will not come by itself."""

    reason: str
    advice: str | None = None

    @property
    def hopeless(self) -> bool:
        return self.advice is not None


@dataclass(frozen=True, kw_only=True)
class Going:
    """It was started and has not ended."""


@dataclass(frozen=True, kw_only=True)
class Gone:
    """It has ended, whether it claimed its attempt or not, or never was. `account` is nothing of launchers that do not
    watch what they start.
    """

    account: Account | None = None


@dataclass(frozen=True, kw_only=True)
class Unsure:
    """The launcher does not answer now, or has not got to know everything yet."""

    why: str


Look = Queued | Going | Gone | Unsure

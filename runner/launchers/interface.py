"""What every launcher does: start the supervisors of attempts somewhere, and say what has become of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from db.errors import RunnerError
from db.records import Plan
from runner.attempt_dir import AttemptDir
from runner.launchers.looks import Look, Unsure
from runner.placement import Placement
from runner.slots import Slot


class LaunchRefused(RunnerError):  # noqa: N818 - it is what happened, and reads so where it is caught
    """The attempt was not submitted, and nothing of it will run; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Launching:
    """An attempt whose folder and plan are written. Its supervisor inherits the slot; `placement` is for a cluster."""

    attempt: AttemptDir
    plan: Plan
    slot: Slot
    placement: Placement = field(default_factory=Placement)


class Launcher(Protocol):
    """Starts `runner.supervisor` for attempts. `is_witness`: it saw how they ended, and no verdict goes without it."""

    name: str
    is_witness: bool

    def submit(self, launchings: Sequence[Launching]) -> Sequence[str | LaunchRefused]:
        """Start their supervisors. The caller closes its own hold on the slots afterwards.

        Returns for each a reference to what was submitted, which any later scheduler can use, or why it was not.
        """
        ...

    def why_not_now(self) -> str | None:
        """Why nothing should be submitted now; nothing where it should."""
        ...

    def most(self) -> int | None:
        """How many attempts may be with it at a time, as far as it knows; nothing where it knows no bound."""
        ...

    def look(self, reference: str) -> Look:
        """What has become of what was submitted."""
        ...

    def hurry(self) -> None:
        """Something has ended, as others see it: look again soon."""
        ...

    def find(self, attempt_id: str) -> str | Unsure | None:
        """The reference of what was submitted for an attempt, where nobody came to record it."""
        ...

    def cancel(self, references: Sequence[str]) -> None:
        """Ask what was submitted to end, with the next look at the latest: for what has no claim yet. What has ended is
        left alone.
        """
        ...

"""What every launcher does: start the supervisor of an attempt somewhere, and say when that has come to nothing."""

from __future__ import annotations

from typing import Protocol

from db.errors import RunnerError
from db.records import Plan
from runner.attempt_dir import AttemptDir
from runner.slots import Slot


class LaunchRefused(RunnerError):  # noqa: N818 - it is what happened, and reads so where it is caught
    """The attempt was not submitted, and nothing of it will run; the message says why."""


class Launcher(Protocol):
    """Starts `runner.supervisor` for an attempt whose folder and plan are written."""

    name: str

    def submit(self, attempt: AttemptDir, plan: Plan, slot: Slot) -> str:
        """Start the supervisor; it inherits the slot. The caller closes its own hold on the slot afterwards.

        Returns a reference to what was submitted, which any later scheduler can use.

        Raises:
            LaunchRefused: nothing was submitted.
        """
        ...

    def has_ended(self, reference: str) -> bool:
        """True only where what was submitted is known to have ended, whether it claimed the attempt or not."""
        ...

    def cancel(self, reference: str) -> None:
        """Ask what was submitted to end: for what has no claim yet. Does nothing where it has ended."""
        ...

"""What an attempt left behind, collected as it is: nothing here decides anything."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from db.records import Claim, EndRequest, ErrorRecord, Exit, Plan, Result
from runner.attempt_dir import AttemptDir, BadRecord, parse_record, read_bounded

T = TypeVar("T")
TAIL_BYTES = 8 * 1024


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A record is there but cannot be believed."""

    why: str


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All witnesses of one attempt that is over. None: the witness left nothing.

    `refused` is the launcher's sentence where it would not take the attempt. `survivors` counts processes of the
    attempt that were found alive, and ended, after its supervisor was gone. `submitted`: the launcher took it.
    """

    plan: Plan | Unreadable | None
    claim: Claim | Unreadable | None = None
    end_request: EndRequest | Unreadable | None = None
    exit: Exit | Unreadable | None = None
    result: Result | Unreadable | None = None
    result_sha256: str | None = None
    stderr_tail: str = ""
    refused: str | None = None
    survivors: int = 0
    submitted: bool = True

    @property
    def error(self) -> ErrorRecord | None:
        """The exception that the worker of this very attempt reported."""
        result = self.own_result
        return result.error if result else None

    @property
    def own_result(self) -> Result | None:
        """The result, if it is readable and of this attempt and run."""
        if not isinstance(self.result, Result) or not isinstance(self.plan, Plan):
            return None
        same = (self.result.attempt_id, self.result.run_id) == (self.plan.attempt_id, self.plan.run_id)
        return self.result if same else None

    @property
    def own_exit(self) -> Exit | None:
        """How the worker ended, if that is readable and of this attempt."""
        if not isinstance(self.exit, Exit) or not isinstance(self.plan, Plan):
            return None
        return self.exit if self.exit.attempt_id == self.plan.attempt_id else None


def collect(attempt: AttemptDir, *, refused: str | None = None, survivors: int = 0, submitted: bool = True) -> Evidence:
    """Read all that the attempt left. Call it only once the attempt is proven over."""
    result, digest = _read_result(attempt)
    return Evidence(
        plan=_read(attempt.read_plan),
        claim=_read(attempt.read_claim),
        end_request=_read(attempt.read_end_request),
        exit=_read(attempt.read_exit),
        result=result,
        result_sha256=digest,
        stderr_tail=tail(attempt),
        refused=refused,
        survivors=survivors,
        submitted=submitted,
    )


def tail(attempt: AttemptDir, limit: int = TAIL_BYTES) -> str:
    """The end of the attempt's stderr."""
    try:
        with attempt.stderr.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - limit))
            return file.read(limit).decode(errors="replace")
    except OSError:
        return ""


def _read(read: Callable[[], T]) -> T | Unreadable | None:
    try:
        return read()
    except FileNotFoundError:
        return None
    except (BadRecord, OSError) as error:
        return Unreadable(why=str(error))


def _read_result(attempt: AttemptDir) -> tuple[Result | Unreadable | None, str | None]:
    """Parse and hash the same bytes: what was judged is what the ledger can prove."""
    data = _read(lambda: read_bounded(attempt.result))
    if data is None or isinstance(data, Unreadable):
        return data, None
    return _read(lambda: parse_record(data, Result, attempt.result.name)), hashlib.sha256(data).hexdigest()

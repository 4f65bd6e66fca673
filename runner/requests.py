"""What a person asks of a living scheduler: one small file a run and wish, under `<root>/requests/`."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from db.records import VERSION
from runner.attempt_dir import BadRecord, read_record, write_record

Verb = Literal["cancel", "retry"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """`cancel` ends the run's open attempt and stops it; `retry` lifts its stop."""

    verb: Verb
    run_id: str
    asked_at: float
    version: int = VERSION


def leave_request(root: Path, verb: Verb, run_id: str) -> Path:
    """Leave a request; the file goes when a scheduler takes it."""
    folder = root / "requests"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.time_ns():020d}-{os.urandom(4).hex()}.json"
    write_record(path, Request(verb=verb, run_id=run_id, asked_at=time.time()))
    return path


def take_requests(root: Path, run_ids: Collection[str]) -> list[Request]:
    """Take the requests about these runs, oldest first; others are left for whom they concern."""
    taken = []
    for path in sorted((root / "requests").glob("*.json")):
        with contextlib.suppress(FileNotFoundError, BadRecord):
            request = read_record(path, Request)
            if request.run_id in run_ids:
                path.unlink()
                taken.append(request)
    return taken

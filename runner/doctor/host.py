"""What this host has: looked at once, and judged by `runner.doctor.host_checks`."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from db.board import Board
from db.errors import RunnerError
from db.sqlite import file_system_of
from runner.doctor.senses import memory_limited_by, missing_packages, why_no_claims
from runner.gpus import Gpus, find_gpus
from runner.host_locks import named_folder, open_folder
from runner.memory_limit import How
from runner.places import require_writable
from sweeps.settings import Resources


@dataclass(frozen=True, kw_only=True)
class Home:
    """Python, the root and its disk. `nearest` is the root, or the folder that it would be made in.

    What begins with `why` is nothing where all is well. `free` in bytes; `free_files` is nothing where the file system
    does not count them. `sweeps` is nothing where there is no ledger yet.
    """

    python: str
    executable: str
    missing: tuple[str, ...]
    sqlite: tuple[int, ...]
    root: Path
    nearest: Path
    why_not_writable: str | None
    why_no_claims: str | None
    free: int
    free_files: int | None
    file_system: str
    why_no_ledger: str | None
    sweeps: int | None


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What attempts of this host get. `gpus` is nothing where none is asked for."""

    memory: How
    gpus: Gpus | None
    slots: Path
    why_no_slots: str | None


def look_at_home(root: Path) -> Home:
    nearest = next(folder for folder in (root, *root.parents) if folder.is_dir())
    room = os.statvfs(nearest)
    why_no_ledger, sweeps = _ledger(root / "ledger.db")
    why_not_writable = _why_not_writable(root)
    return Home(
        python=platform.python_version(),
        executable=sys.executable,
        missing=missing_packages(),
        sqlite=sqlite3.sqlite_version_info,
        root=root,
        nearest=nearest,
        why_not_writable=why_not_writable,
        why_no_claims=None if why_not_writable else why_no_claims(nearest),
        free=shutil.disk_usage(nearest).free,
        free_files=room.f_favail if room.f_files else None,
        file_system=file_system_of(nearest),
        why_no_ledger=why_no_ledger,
        sweeps=sweeps,
    )


def look_at_ground(asked: Resources) -> Ground:
    folder = named_folder()
    try:
        open_folder(folder)
    except RunnerError as refused:
        why_no_slots: str | None = str(refused)
    else:
        why_no_slots = None
    gpus = None if asked.gpus == "none" else find_gpus()
    return Ground(memory=memory_limited_by(), gpus=gpus, slots=folder, why_no_slots=why_no_slots)


def _why_not_writable(root: Path) -> str | None:
    try:
        require_writable(root)
    except RunnerError as refused:
        return str(refused)
    return None


def _ledger(path: Path) -> tuple[str | None, int | None]:
    if not path.exists():
        return None, None
    try:
        with closing(Board(path)) as board:
            return None, len(board.sweeps())
    except RunnerError as refused:
        return str(refused), None

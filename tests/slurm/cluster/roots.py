"""The folders that clusters live in. Whoever owns a cluster holds its lock; one whose lock is free was left behind."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "runner-slurm-"
_OWNER = "owner"
_FOLDERS = ("etc", "pid", "log", "run", "state", "spool", "munge", "dbd", "mysql", "mysql-tmp")


def parent() -> Path:
    """Where temporary files go, if the daemons' users may go there as well."""
    for folder in map(Path, (tempfile.gettempdir(), "/var/tmp", "/run")):  # noqa: S108  # the folder made there has a random name and is ours
        if all(above.stat().st_mode & 0o001 for above in (folder, *folder.parents)):
            return folder
    raise OSError("no folder found for a cluster that users slurm, munge and mysql may enter")


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Installing, clearing what was left, and making a folder: no other process does so meanwhile."""
    file = os.open(parent() / f"{_PREFIX[:-1]}.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def make_root(tag: str) -> Path:
    root = parent() / f"{_PREFIX}{tag}"
    root.mkdir()
    furnish(root)
    return root


def furnish(root: Path) -> None:
    """Its folders, which others may enter and not write: munged and slurmctld refuse any other."""
    root.chmod(0o755)
    for name in _FOLDERS:
        (root / name).mkdir()
        (root / name).chmod(0o755)


def hold(root: Path) -> int | None:
    """An open file with the lock of its owner, or None where an owner lives."""
    file = os.open(root / _OWNER, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


def all_roots() -> list[Path]:
    return [folder for folder in parent().glob(f"{_PREFIX}*") if folder.is_dir()]

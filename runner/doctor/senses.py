"""What is looked at here and on a node alike. Each leaves nothing behind."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from runner.memory_limit import How, open_limit

DISTRIBUTION = "sweep-runner"
_REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+")
_PROBED_LIMIT = 2**30


def missing_packages() -> tuple[str, ...]:
    """What the runner needs and this Python has not installed; its own name where it is not installed itself."""
    try:
        needed = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return (DISTRIBUTION,)
    names = [match[0] for one in needed if "extra ==" not in one and (match := _REQUIREMENT.match(one))]
    return tuple(name for name in names if not _is_installed(name))


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def memory_limited_by() -> How:
    """How the memory of an attempt would be limited: one is set up, and removed again."""
    limit = open_limit(_PROBED_LIMIT, f"doctor{os.urandom(6).hex()}")
    limit.remove()
    return limit.how


def why_no_claims(folder: Path) -> str | None:
    """Why no attempt could be claimed below this folder: a claim is written, synced, locked and linked to its name."""
    try:
        inside = Path(tempfile.mkdtemp(prefix=".doctor.", dir=folder))
    except OSError as error:
        return f"no folder can be made in it: {error.strerror}"
    try:
        with (inside / "written").open("wb") as file:
            file.write(b"x")
            os.fsync(file.fileno())
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.link(inside / "written", inside / "claim")
        (inside / "claim").rename(inside / "renamed")
    except OSError as error:
        return f"a file cannot be written, locked (flock) and linked in it: {error.strerror}"
    finally:
        with suppress(OSError):
            shutil.rmtree(inside)
    return None

"""Looking at files before a command starts and when it has ended. Standard library only."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from db.records import FileSeen, Stamp

MOST_LOOKED_AT = 1000
MOST_KEPT = 10
"""Files for each pattern. One is wanted, so a few are enough to say that there are too many."""


def matching(pattern: str, folder: Path) -> list[str]:
    """The regular files that an absolute pattern matches, links left out, sorted; a file of several names once.

    Below the attempt's own `folder`, `*` and `**` are wild. Elsewhere, and where a file is spelled just so, the path is
    taken as it stands.

    Raises:
        OSError, ValueError, RecursionError: it cannot be looked for; the names are too long, say, or hold NUL.
    """
    found: dict[int, str] = {}
    for path in (pattern, *_wild(pattern, folder)):
        stamp = stamp_of(path)
        if stamp is not None:
            found.setdefault(stamp.inode, path)
        if len(found) == MOST_KEPT:
            break
    return sorted(found.values())


def _wild(pattern: str, folder: Path) -> Iterator[str]:
    inside = below(pattern, folder)
    if inside == pattern or not any(sign in inside for sign in "*?["):
        return
    from glob import iglob

    # The folder's own name is no pattern, whatever signs are in it; as in a shell, `*` stands for no hidden name.
    found = iglob(inside, root_dir=folder, recursive=True)  # noqa: PTH207 - Path.glob sees hidden ones
    yield from (f"{folder}/{each}" for each in islice(found, MOST_LOOKED_AT))


def below(path: str, folder: Path) -> str:
    """The path counted from the folder, however that was typed (`../runs`); as it is where it lies elsewhere."""
    for above in (f"{folder}/", f"{os.path.normpath(folder)}/"):
        if path.startswith(above):
            return path.removeprefix(above)
    return path


def stamp_of(path: str | Path) -> Stamp | None:
    """Of a regular file; None where there is none.

    Raises:
        OSError, ValueError: it cannot be looked at.
    """
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Stamp(inode=status.st_ino, size=status.st_size, modified=status.st_mtime_ns, changed=status.st_ctime_ns)


class Watch:
    """The files that a plan names, as they were before the worker and as they are after it.

    `faults` says what could not be looked at. A fault never stops the looking, and proves nothing either: what was not
    seen counts for no success.
    """

    def __init__(self, patterns: Iterable[str], folder: Path) -> None:
        self.faults: dict[str, None] = {}
        self._patterns = tuple(patterns)
        self._folder = folder
        self._before = self._look()

    def again(self) -> tuple[FileSeen, ...]:
        """What is there now, beside what was there before."""
        after = self._look()
        paths = sorted({*self._before, *after})
        return tuple(FileSeen(path=path, before=self._before.get(path), after=after.get(path)) for path in paths)

    def _look(self) -> dict[str, Stamp]:
        return {path: stamp for pattern in self._patterns for path, stamp in self._look_for(pattern).items()}

    def _look_for(self, pattern: str) -> dict[str, Stamp]:
        try:
            stamps = {path: stamp_of(path) for path in matching(pattern, self._folder)}
        except (OSError, ValueError, RecursionError) as fault:
            why = fault.strerror if isinstance(fault, OSError) else fault
            self.faults.setdefault(f"{pattern[:200]!r} could not be looked at: {why}")
            return {}
        return {path: stamp for path, stamp in stamps.items() if stamp is not None}

"""Looking at files before a command starts and when it has ended. Standard library only."""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from db.records import FileSeen, Stamp

MOST_LOOKED_AT = 100_000
"""Entries of folders for each pattern, which takes a second or so."""
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
    """The folder's own name is no pattern, whatever signs are in it; as in a shell, `*` stands for no hidden name."""
    inside = below(pattern, folder)
    if inside != pattern and any(sign in inside for sign in "*?["):
        yield from _Search().below(str(folder), inside.split("/"))


class _Search:
    """Goes through folders, never through links to them: they may lead anywhere, and round in circles."""

    def __init__(self) -> None:
        self._left = MOST_LOOKED_AT

    def below(self, folder: str, parts: Sequence[str]) -> Iterator[str]:
        """The paths below a folder that these parts of a pattern match."""
        first, *rest = parts
        if first == "**":
            yield from self.below(folder, rest or ["*"])
            deeper = [entry.path for entry in self._entries(folder) if _is_open_folder(entry)]
            for inner in deeper:
                yield from self.below(inner, parts)
            return
        for entry in self._entries(folder):
            if not _fits(entry.name, first):
                continue
            if not rest:
                yield entry.path
            elif entry.is_dir(follow_symlinks=False):
                yield from self.below(entry.path, rest)

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as found:
                entries = list(found)
        except (FileNotFoundError, NotADirectoryError):
            return []
        self._left -= len(entries)
        if self._left < 0:
            raise ValueError(f"more than {MOST_LOOKED_AT} files and folders lie there")
        return entries


def _is_open_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")


def _fits(name: str, part: str) -> bool:
    return fnmatch.fnmatchcase(name, part) and (part.startswith(".") or not name.startswith("."))


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

"""Paths that a person typed: can they be used at all? Asked before anything is made or started."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from db.errors import Refused

LONGEST = 3000
"""Bytes of a root's path; Linux allows 4095, and the files of an attempt lie below."""


def current_folder() -> Path:
    """The folder we are in.

    Raises:
        Refused: it no longer exists.
    """
    try:
        return Path.cwd()
    except OSError as error:
        raise Refused(f"the current folder cannot be used ({error.strerror}); `cd` into one that exists") from None


def typed_path(text: str, what: str) -> Path:
    """The absolute path of `text`; `what` is what a person would call it.

    Raises:
        Refused: it is not UTF-8 (the ledger could not hold it), or the current folder is gone.
    """
    path = Path(text) if os.path.isabs(text) else current_folder() / text  # noqa: PTH117 - of text, not of a Path
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise Refused(f"{what} {_shown(path)} is not UTF-8; give the folder or file another name") from None
    if "\0" in text:
        raise Refused(f"{what} {text!r} holds a null character")
    return path


def typed_root(text: str) -> Path:
    """The absolute path of a root that may or may not exist.

    Raises:
        Refused: it is a file, its name is too long, or it cannot be looked at.
    """
    root = typed_path(text, "the root")
    if len(os.fsencode(root)) > LONGEST:
        raise Refused(f"the root {str(root)[:60]}... has a path of more than {LONGEST} bytes; choose a shorter one")
    try:
        if root.exists() and not root.is_dir():
            raise Refused(f"the root {root} is not a folder; --root names another")
        if root.is_dir():
            (root / "ledger.db").exists()
    except OSError as error:
        raise _unusable(root, error.strerror) from None
    return root


def as_typed(root: Path, *words: str) -> str:
    """The command that a person types here for this root, which is named where it is not the default."""
    try:
        default = root == Path.cwd() / "runs"
    except OSError:  # the current folder is gone
        default = False
    return shlex.join(("runner", *words, *(() if default else ("--root", str(root)))))


def require_writable(root: Path) -> None:
    """Insist that files can be made in a root, or that the root itself can be made. Makes nothing.

    Raises:
        Refused: they cannot.
    """
    nearest = next(folder for folder in (root, *root.parents) if folder.exists())
    if not nearest.is_dir():
        raise _unusable(root, f"{nearest} is not a folder")
    for path in (nearest, root / "locks", root / "ledger.db"):
        if path.exists() and not os.access(path, os.W_OK | (os.X_OK if path.is_dir() else 0)):
            raise _unusable(root, f"{path} cannot be written")
    if (root / "locks").exists() and not (root / "locks").is_dir():
        raise _unusable(root, f"{root / 'locks'} is not a folder")
    if (root / "ledger.db").is_dir():
        raise _unusable(root, f"{root / 'ledger.db'} is a folder")


def _unusable(root: Path, why: str | None) -> Refused:
    return Refused(f"the root {_shown(root)} cannot be used: {why}; --root names another folder")


def _shown(path: Path) -> str:
    text = str(path).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= 200 else f"{text[:100]}...{text[-60:]}"

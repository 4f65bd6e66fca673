"""Which code an attempt ran: the commit a folder is at, and what differs from it."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from runner.asking import Unanswered, ask

MAX_DIFF_BYTES = 2**20
MAX_SOURCE_BYTES = 2**22
ASKED_EVERY = 5.0
_CODE_SUFFIX = re.compile(
    r"\.(awk|bash|c|cc|cjs|class|cpp|cu|do|f90|fish|go|h|ipynb|jar|java|jl|js|ksh|kts|lua|m|mjs|mk|nf|php|pl|ps1"
    r"|pyc?|pyx|pyz|r|rb|rs|sas|scala|sh|smk|so|sql|tcl|ts|wasm|zsh)",
    re.IGNORECASE,
)
"""Of scripts and programs. Others count where they begin with `#!` or may be executed."""
_NO_REPOSITORY = (128,)
_CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Source:
    """A git commit and the diff against it; None where the folder is in no repository."""

    git_commit: str | None
    git_diff: str | None

    def code_id(self, fingerprint: str) -> str:
        """The identity of this source together with the fingerprint of the files that an attempt uses."""
        parts = (fingerprint, self.git_commit or "", self.git_diff or "")
        return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()


def read_source(folder: Path, *, or_ours: bool = True) -> Source:
    """Ask git about the repository that `folder` lies in, or else about the checkout that this package runs from."""
    commit = _git(folder, "rev-parse", "HEAD", final=_NO_REPOSITORY)
    if commit is None and or_ours and (_CHECKOUT / ".git").exists():
        folder, commit = _CHECKOUT, _git(_CHECKOUT, "rev-parse", "HEAD", final=_NO_REPOSITORY)
    if commit is None:
        return Source(git_commit=None, git_diff=None)
    diff = _git(folder, "diff", "--no-ext-diff", "--no-color", "HEAD")
    if diff is not None and len(diff) > MAX_DIFF_BYTES:
        diff = f"{diff[:MAX_DIFF_BYTES]}\n... cut, {len(diff)} characters in all\n"
    return Source(git_commit=commit.strip(), git_diff=diff)


def command_fingerprint(cwd: str, argv: Sequence[str]) -> str:
    """Of the code that a command runs: the commit and diff of its folder, and the code that its arguments name.

    A file that is no code may be what the command writes, and would be another one after every run. What is tracked by
    git is in the diff whatever it is.

    Asked of git at most every few seconds: many attempts start at once.
    """
    source = _source_of(cwd, int(time.monotonic() / ASKED_EVERY))
    digest = hashlib.sha256(repr((source.git_commit, source.git_diff)).encode())
    for part in argv:
        digest.update(_content(Path(cwd, part)))
    return digest.hexdigest()


@lru_cache(maxsize=16)
def _source_of(cwd: str, _period: int) -> Source:
    return read_source(Path(cwd), or_ours=False)


def _content(path: Path) -> bytes:
    """The hash of a file of code of bounded size; nothing where there is none."""
    try:
        if path.is_file() and path.stat().st_size <= MAX_SOURCE_BYTES:
            data = path.read_bytes()
            return hashlib.sha256(data).digest() if _is_code(path, data) else b""
    except (OSError, ValueError):  # an argument that is no path
        pass
    return b""


def _is_code(path: Path, data: bytes) -> bool:
    return bool(_CODE_SUFFIX.fullmatch(path.suffix)) or data.startswith(b"#!") or os.access(path, os.X_OK)


def _git(folder: Path, *arguments: str, final: Collection[int] = ()) -> str | None:
    try:
        answer = ask(("git", "-C", str(folder), *arguments), final=final)
    except Unanswered:
        return None
    return None if answer is None else answer.decode(errors="replace")

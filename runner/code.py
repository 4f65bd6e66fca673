"""A fingerprint of the code that decides what a run computes: a success under other code is shown as such."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

_PACKAGES = Path(__file__).resolve().parent.parent
_SHARED = (
    "backbones/interface.py",
    "backbones/layers/*.py",
    "tasks/interface.py",
    "tasks/layers/*.py",
    "tasks/data/*.py",
    "runner/model.py",
    "runner/splits.py",
    "runner/optimizer.py",
    "runner/training.py",
    "runner/evaluation.py",
    "runner/worker.py",
)


def code_fingerprint(kinds: Iterable[type[Any]], plugins: Sequence[Path]) -> str:
    """SHA-256 over the files of a backbone and its tasks, what they share, how they are trained, and all plugins."""
    shared = [(_PACKAGES, path) for pattern in _SHARED for path in _PACKAGES.glob(pattern)]
    added = [(folder, path) for folder in plugins for path in folder.rglob("*.py")]
    digest = hashlib.sha256()
    for name, path in sorted({_place(top, path): path for top, path in [*shared, *added, *map(_own, kinds)]}.items()):
        digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def declared_at(kind: type[Any]) -> str:
    """`backbones/dlinear.py:44`: where a class is written, from the current folder if it lies there."""
    file, here = Path(inspect.getfile(kind)), Path.cwd()
    shown = file.relative_to(here) if file.is_relative_to(here) else file
    return f"{shown}:{inspect.getsourcelines(kind)[1]}"


def _own(kind: type[Any]) -> tuple[Path, Path]:
    path = Path(inspect.getfile(kind)).resolve()
    return path.parent.parent, path


def _place(top: Path, path: Path) -> str:
    """The path below its package's or plugin's folder: where that folder lies does not matter."""
    return path.relative_to(top).as_posix()

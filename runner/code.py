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
    "runner/step.py",
    "runner/training.py",
    "runner/evaluation.py",
    "runner/lessons.py",
    "runner/gain.py",
    "runner/checkpoint.py",
    "runner/random_state.py",
    "runner/worker.py",
    "runner/worker_result.py",
    "sweeps/settings.py",
)


def code_fingerprint(kinds: Iterable[type[Any]], plugins: Sequence[Path]) -> str:
    """SHA-256 over the files of a backbone and its tasks, what they share, how they are trained, and all plugins."""
    shared = [(_PACKAGES, path) for pattern in _SHARED for path in _PACKAGES.glob(pattern)]
    added = [(folder, path) for folder in plugins for path in folder.rglob("*.py") if _is_code(folder, path)]
    digest = hashlib.sha256()
    for name, path in sorted({_place(top, path): path for top, path in [*shared, *added, *map(_own, kinds)]}.items()):
        digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def declared_at(kind: type[Any]) -> str:
    """`backbones/dlinear.py:44`: where a class is written, from the current folder if it lies there."""
    return f"{shown_path(Path(inspect.getfile(kind)))}:{inspect.getsourcelines(kind)[1]}"


def shown_path(file: Path) -> Path:
    """A path as a person would write it in the current folder."""
    here = Path.cwd()
    return file.relative_to(here) if file.is_relative_to(here) else file


def _is_code(folder: Path, path: Path) -> bool:
    """Hidden files, such as those of editors, links to nowhere and folders with such a name are not."""
    return path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)


def _own(kind: type[Any]) -> tuple[Path, Path]:
    path = Path(inspect.getfile(kind)).resolve()
    return path.parent.parent, path


def _place(top: Path, path: Path) -> str:
    """The path below its package's or plugin's folder: where that folder lies does not matter."""
    return path.relative_to(top).as_posix()

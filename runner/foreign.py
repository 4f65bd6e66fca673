"""Code of backbones and tasks as it is run before launch: whatever it raises is told with its line."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path as FilePath

import torch

from db.errors import DataError, NothingLearnedError, Refused, ShapeError
from db.strict import Path
from runner import live_bytes
from runner.checked import Problem
from runner.code import shown_path


@dataclass(frozen=True)
class foreign:  # noqa: N801 - written as a word after `with`
    """Code of backbones and tasks runs in the block; whatever it raises, `SystemExit` too, becomes a problem.

    Errors of the kinds in `passing` go on their way.
    """

    place: Path
    doing: str
    problems: list[Problem]
    passing: tuple[type[BaseException], ...] = ()

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if error is None or isinstance(error, self.passing):
            return False
        spoken = isinstance(error, (Refused, DataError, ShapeError, NothingLearnedError))
        message = str(error) if spoken else f"{self.doing}: {told(error)}"
        self.problems.append(Problem(path=self.place, message=message))
        return True


def told(error: BaseException) -> str:
    """The error with the line that raised it: the innermost one that is neither Python's nor torch's, nor counts."""
    frames = traceback.extract_tb(error.__traceback__)
    shown = [frame for frame in frames if not _is_library(frame.filename)] or frames
    text = "".join(traceback.format_exception_only(error)).strip()
    return f"{text} ({shown_path(FilePath(shown[-1].filename))}:{shown[-1].lineno})"


def _is_library(file: str) -> bool:
    torchs, pythons = (str(FilePath(module.__file__ or "").parent) for module in (torch, traceback))
    return file.startswith(("<", torchs, live_bytes.__file__)) or (
        file.startswith(pythons) and "site-packages" not in file
    )

"""Tasks by name. Listing names imports no task, and so no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sweeps import plugins as shelves

if TYPE_CHECKING:
    from tasks.interface import Task

SHELF = shelves.Shelf(word="task", package="tasks", interface="Task")


def names(plugins: Sequence[Path] = ()) -> tuple[str, ...]:
    """Every valid name, sorted.

    Raises:
        Refused: see `sweeps.plugins.files`.
    """
    return tuple(shelves.files(SHELF, plugins))


def load(name: str, plugins: Sequence[Path] = ()) -> type[Task]:
    """The class of that name, its settings' record being `load(name).Config`.

    Raises:
        Refused: see `sweeps.plugins.load`.
    """
    return shelves.load(SHELF, name, plugins)

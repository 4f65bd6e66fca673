"""Backbones by name. Listing names imports no backbone, and so no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sweeps import plugins as shelves

if TYPE_CHECKING:
    from backbones.interface import Backbone

SHELF = shelves.Shelf(word="backbone", package="backbones", interface="Backbone")


def names(plugins: Sequence[Path] = ()) -> tuple[str, ...]:
    """Every valid name, sorted.

    Raises:
        Refused: see `sweeps.plugins.files`.
    """
    return tuple(shelves.files(SHELF, plugins))


def load(name: str, plugins: Sequence[Path] = ()) -> type[Backbone]:
    """The class of that name, its settings' record being `load(name).Config`.

    Raises:
        Refused: see `sweeps.plugins.load`.
    """
    return shelves.load(SHELF, name, plugins)

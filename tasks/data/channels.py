"""How many channels recorded systems have: only their signals tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from sweeps.settings import DataSettings
from tasks.data.layout import find_metadata, read_metadata
from tasks.data.signals import Signals
from tasks.interface import System


def with_channels(settings: DataSettings, systems: Iterable[System]) -> tuple[System, ...]:
    """The systems with the channels of their first recordings; simulated ones as they are.

    Raises:
        DataError: such a recording cannot be read.
    """
    if settings.folder is None:
        return tuple(systems)
    folder = Path(settings.folder)
    first = {it.system: it for it in reversed(read_metadata(find_metadata(folder, settings.metadata)))}
    signals = Signals(folder)
    try:
        return tuple(replace(system, channels=signals.shape(first[system.id])[1]) for system in systems)
    finally:
        signals.close()

"""The systems of a data folder as its metadata tells, without reading or making a signal."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sweeps.settings import DataSettings
from tasks.data.layout import Recording, find_metadata, read_metadata
from tasks.data.rigs import FAULTS, RIGS, Rig
from tasks.interface import System

UNKNOWN_CHANNELS = 1
"""Only the signals tell how many channels a recorded system has."""


def known_systems(settings: DataSettings) -> tuple[System, ...]:
    """In order of their ids; all that the folder has, chosen or not.

    Raises:
        DataError: the folder or its metadata cannot be read.
    """
    if settings.folder is None:
        return tuple(_simulated(rig) for rig in RIGS)
    recordings = read_metadata(find_metadata(Path(settings.folder), settings.metadata))
    ids = sorted({recording.system for recording in recordings})
    return tuple(_recorded(one, [recording for recording in recordings if recording.system == one]) for one in ids)


def _simulated(rig: Rig) -> System:
    classes = 1 + max(FAULTS.index(fault) for fault in rig.faults)
    return System(id=rig.id, name=rig.name, channels=rig.channels, sample_rate=rig.rate, classes=classes)


def _recorded(one: int, recordings: Iterable[Recording]) -> System:
    members = list(recordings)
    return System(
        id=one,
        name=members[0].name,
        channels=UNKNOWN_CHANNELS,
        sample_rate=members[0].sample_rate,
        classes=1 + max((recording.label for recording in members if recording.diagnosis), default=0),
    )

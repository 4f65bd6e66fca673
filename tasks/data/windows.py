"""Opens a data folder: usable recordings, their splits, the windows cut from them, and the scaling of each system."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from db.errors import DataError
from sweeps.settings import DataSettings
from tasks.data.fingerprint import fingerprint
from tasks.data.layout import Recording, find_metadata, read_metadata
from tasks.data.scaling import Scaling, fit
from tasks.data.signals import Signals
from tasks.data.simulator import simulated_folder
from tasks.data.splits import SPLITS, Piece, Source, Split, named, split_recordings
from tasks.interface import LabelTable, System, Windows

__all__ = ["SPLITS", "Data", "Split", "Window", "open_data"]


SCALING_WINDOWS = 512
"""So many training windows of a system are read to know its mean and standard deviation, at most."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """A window of a recording that starts at sample `start`."""

    recording: Recording
    start: int


class Data:
    """The windows of a data folder. Labels are known at once; signals are read when they are asked for.

    `fingerprint` stands for the folder's content. `notes` tells what was left out and what was split more finely than
    by bearing.
    """

    def __init__(
        self,
        *,
        signals: Signals,
        windows: Mapping[Split, Sequence[Window]],
        lengths: tuple[int, int],
        fingerprint: str,
        notes: Sequence[str],
    ) -> None:
        self._signals = signals
        self._windows = windows
        self._context, self._future = lengths
        self._scaling = fit(self._training_signals())
        self._systems = {system.id: system for system in _systems(windows, self._scaling)}
        self.fingerprint = fingerprint
        self.notes = tuple(notes)

    @property
    def systems(self) -> tuple[System, ...]:
        """In order of their ids."""
        return tuple(self._systems.values())

    def windows(self, split: Split) -> Sequence[Window]:
        return self._windows[split]

    def labels(self, split: Split) -> LabelTable:
        """One row for each window of the split, in the order that `load` counts them."""
        recordings = [window.recording for window in self._windows[split]]
        return LabelTable(
            system=np.array([recording.system for recording in recordings], dtype=np.int64),
            label=np.array([recording.label for recording in recordings], dtype=np.int64),
            rul=np.array([recording.rul for recording in recordings], dtype=np.float64),
            diagnosis=np.array([recording.diagnosis for recording in recordings], dtype=np.bool_),
            detection=np.array([recording.detection for recording in recordings], dtype=np.bool_),
            unit=np.unique([recording.unit for recording in recordings], return_inverse=True)[1].reshape(-1),
        )

    def load(self, split: Split, indices: npt.ArrayLike) -> Windows:
        """Read some windows of one system, scaled, as float32.

        Raises:
            DataError: a signal cannot be read or is not finite.
            ValueError: no window is asked for, or windows of several systems.
        """
        chosen = [self._windows[split][index] for index in np.asarray(indices, dtype=np.int64).tolist()]
        systems = {window.recording.system for window in chosen}
        if len(systems) != 1:
            raise ValueError(f"windows of one system are read at a time, not of {sorted(systems)}")
        system = systems.pop()
        scaled = self._scaling[system].apply(np.stack([self._read(window) for window in chosen]))
        signal = torch.from_numpy(scaled)
        return Windows(
            system=self._systems[system],
            x_BLC=signal[:, : self._context].contiguous(),
            future_BHC=signal[:, self._context :].contiguous(),
            label_B=torch.tensor([window.recording.label for window in chosen], dtype=torch.int64),
            rul_B=torch.tensor([window.recording.rul for window in chosen], dtype=torch.float32),
        )

    def close(self) -> None:
        self._signals.close()

    def _read(self, window: Window) -> npt.NDArray[np.float32]:
        stop = window.start + self._context + self._future
        return self._signals.read(window.recording, window.start, stop)

    def _training_signals(self) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
        """Of each system at most SCALING_WINDOWS, evenly spaced."""
        for system in sorted({window.recording.system for window in self._windows["train"]}):
            members = [window for window in self._windows["train"] if window.recording.system == system]
            for window in members[:: -(-len(members) // SCALING_WINDOWS)]:
                yield system, self._read(window)


def open_data(settings: DataSettings, root: Path, future: int) -> Data:
    """Open the data of a run. `future` samples are needed after each window; simulated data lies below `root`.

    Raises:
        DataError: the folder cannot be used; the message says file, row and column.
    """
    folder = simulated_folder(settings.simulation, root) if settings.folder is None else Path(settings.folder)
    metadata = find_metadata(folder, settings.metadata)
    recordings = _chosen(read_metadata(metadata), settings.systems, metadata)
    signals = Signals(folder)
    span = settings.window + future
    sources, skipped = _usable(recordings, signals, span)
    pieces, notes = split_recordings(sources, span, gap=settings.window)
    return Data(
        signals=signals,
        windows={split: tuple(_cut(pieces, split, settings, span)) for split in SPLITS},
        lengths=(settings.window, future),
        fingerprint=fingerprint(metadata, signals.paths(recordings)),
        notes=(*skipped, *_mixed_rates(sources), *notes),
    )


def _chosen(recordings: Sequence[Recording], systems: Sequence[int], metadata: Path) -> list[Recording]:
    known = {recording.system for recording in recordings}
    unknown = sorted(set(systems) - known)
    if unknown:
        raise DataError(f"data.systems: {metadata} has no Dataset_id {unknown}; it has {sorted(known)}")
    return [recording for recording in recordings if not systems or recording.system in systems]


def _usable(recordings: Sequence[Recording], signals: Signals, span: int) -> tuple[list[Source], list[str]]:
    """Recordings that hold a window and have the channels of their system, and notes on every other one."""
    shapes = {recording.id: signals.shape(recording) for recording in recordings}
    usual = _usual_channels(recordings, shapes)
    sources: list[Source] = []
    left_out: dict[str, list[int]] = {}
    for recording in recordings:
        length, channels = shapes[recording.id]
        if length < span:
            why = f"fewer than {span} samples, a window and its future"
            left_out.setdefault(f"system {recording.system}: {why}", []).append(recording.id)
        elif channels != usual[recording.system]:
            why = f"{channels} channels where the others have {usual[recording.system]}"
            left_out.setdefault(f"system {recording.system}: {why}", []).append(recording.id)
        else:
            sources.append(Source(recording=recording, length=length))
    notes = [f"{why}: {named(ids)} left out" for why, ids in left_out.items()]
    if not sources:
        raise DataError(f"no recording can be used: {'; '.join(notes)}; make data.window smaller")
    return sources, notes


def _mixed_rates(sources: Sequence[Source]) -> Iterator[str]:
    """Sample rates differ, so a model may tell recordings apart by their rate."""
    rates: dict[int, set[float]] = {}
    for source in sources:
        rates.setdefault(source.recording.system, set()).add(source.recording.sample_rate)
    for system, found in sorted(rates.items()):
        if len(found) > 1:
            told = ", ".join(f"{rate:g}" for rate in sorted(found))
            yield f"system {system}: sample rates {told} Hz are mixed; windows are not resampled"


def _usual_channels(recordings: Sequence[Recording], shapes: Mapping[int, tuple[int, int]]) -> dict[int, int]:
    """The most frequent number of channels of each system; the higher of two that are equally frequent."""
    counts: dict[int, Counter[int]] = {}
    for recording in recordings:
        counts.setdefault(recording.system, Counter())[shapes[recording.id][1]] += 1
    return {system: max(count, key=lambda channels: (count[channels], channels)) for system, count in counts.items()}


def _cut(pieces: Sequence[Piece], split: Split, settings: DataSettings, span: int) -> Iterator[Window]:
    for piece in pieces:
        if piece.split == split:
            share = (piece.stop - piece.start) / piece.source.length
            most = max(1, int(settings.max_windows * share))
            for start in window_starts(piece.stop - piece.start, span, gap=settings.window // 8, most=most):
                yield Window(recording=piece.source.recording, start=piece.start + start)


def window_starts(length: int, span: int, gap: int, most: int) -> list[int]:
    """Where at most `most` windows of `span` samples start: evenly spaced, at least `gap` samples between them."""
    count = min(most, (length + gap) // (span + gap))
    if count == 1:
        return [(length - span) // 2]
    return [index * (length - span) // (count - 1) for index in range(count)]


def _systems(windows: Mapping[Split, Sequence[Window]], scaling: Mapping[int, Scaling]) -> Iterator[System]:
    recordings = {window.recording.id: window.recording for split in SPLITS for window in windows[split]}
    for system in sorted(scaling):
        members = [recording for recording in recordings.values() if recording.system == system]
        rates = Counter(recording.sample_rate for recording in members)
        yield System(
            id=system,
            name=members[0].name,
            channels=scaling[system].channels,
            sample_rate=rates.most_common(1)[0][0],
            classes=1 + max([0, *(recording.label for recording in members if recording.diagnosis)]),
        )

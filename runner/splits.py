"""One split of a run's data as training and evaluation see it: on the device, its labels shuffled where asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, Protocol

import numpy as np
import torch

from db.errors import ConfigError
from tasks.interface import Array, LabelTable, System, Task, Windows

SplitName = Literal["train", "test"]


class Data(Protocol):
    """What is asked of `tasks.data.windows.Data`."""

    @property
    def systems(self) -> Sequence[System]: ...

    def labels(self, split: SplitName) -> LabelTable: ...

    def load(self, split: SplitName, indices: Array) -> Windows: ...


class Split:
    """Windows and labels of one split, by index.

    `owner`, where given, says for each window whose label, rul and future it gets.
    """

    def __init__(self, data: Data, name: SplitName, device: torch.device, owner: Array | None = None) -> None:
        table = data.labels(name)
        self.name = name
        self.labels = table if owner is None else with_labels_of(table, owner)
        self._data = data
        self._device = device
        self._owner = owner

    def load(self, indices: Array) -> Windows:
        """Load windows of one system onto the device."""
        windows = self._data.load(self.name, indices)
        if self._owner is not None:
            others = self._data.load(self.name, self._owner[indices])
            windows = replace(windows, label_B=others.label_B, rul_B=others.rul_B, future_BHC=others.future_BHC)
        return to_device(windows, self._device)

    def by_system(self, micro: int) -> Iterator[Array]:
        """Every window of the split once, at most `micro` of one system at a time."""
        for system in np.unique(self.labels.system):
            yield from chunks(np.flatnonzero(self.labels.system == system), micro)


def to_device(windows: Windows, device: torch.device) -> Windows:
    return replace(
        windows,
        x_BLC=windows.x_BLC.to(device),
        future_BHC=windows.future_BHC.to(device),
        label_B=windows.label_B.to(device),
        rul_B=windows.rul_B.to(device),
    )


def chunks(indices: Array, size: int) -> Iterator[Array]:
    """Cut indices into pieces of `size`, the last one possibly smaller."""
    for start in range(0, len(indices), size):
        yield indices[start : start + size]


def with_labels_of(table: LabelTable, owner: Array) -> LabelTable:
    """The table with each window's labels, and what they are meant for, taken from its owner."""
    stays = {"system", "unit"}
    moved = {key: values[owner] for key, values in vars(table).items() if key not in stays and values is not None}
    return replace(table, **moved)


def shuffled_owner(labels: LabelTable, seed: int) -> Array:
    """A permutation of the windows that keeps each of them within its system."""
    generator = np.random.default_rng(seed)
    owner = np.arange(len(labels))
    for system in np.unique(labels.system):
        members = np.flatnonzero(labels.system == system)
        owner[members] = generator.permutation(members)
    return owner


def require_batch_fits(labels: LabelTable, batch: int) -> None:
    """Insist that some system has as many training windows as an effective batch; none would ever be whole otherwise.

    Raises:
        ConfigError: no system has.
    """
    largest = max(np.unique(labels.system, return_counts=True)[1], default=0)
    if batch > largest:
        raise ConfigError(
            f"train.batch is {batch}, but the largest system has {largest} training windows; lower train.batch, or "
            "raise data.max_windows"
        )


def labelled_masks(tasks: Mapping[str, Task], split: Split) -> dict[str, Array]:
    """For each task, which windows of the split have a label.

    Raises:
        DataError: the split cannot be used for one of the tasks: none of its windows has a label, say.
    """
    for task in tasks.values():
        task.require_labels(split.labels, split.name)
    return {name: task.labelled(split.labels) for name, task in tasks.items()}

"""Which windows an optimizer step sees: a pure function of seed and step, so it needs no state to resume."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from db.errors import DataError
from tasks.interface import LabelTable

Indices = npt.NDArray[np.int64]


class Sampler:
    """Effective batches of one system each; every window once an epoch.

    In each epoch the windows of each system are shuffled and cut into batches, the last of which may be smaller, and
    the batches of all systems are shuffled. Micro batches are cut from them by whoever trains.

    Raises:
        DataError: there is no window.
    """

    def __init__(self, labels: LabelTable, batch: int, seed: int) -> None:
        if not len(labels):
            raise DataError("there is no window to draw batches from")
        self._windows = [np.flatnonzero(labels.system == system) for system in np.unique(labels.system)]
        self._batch = batch
        self._seed = seed
        self._epoch: tuple[int, list[Indices]] | None = None

    @property
    def steps_per_epoch(self) -> int:
        return sum(-(-len(windows) // self._batch) for windows in self._windows)

    def step(self, step: int) -> Indices:
        """The windows of optimizer step `step`, counted from 0: rows of the label table, all of one system."""
        epoch, place = divmod(step, self.steps_per_epoch)
        return self._batches(epoch)[place]

    def _batches(self, epoch: int) -> list[Indices]:
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = (epoch, self._shuffled(epoch))
        return self._epoch[1]

    def _shuffled(self, epoch: int) -> list[Indices]:
        random = np.random.default_rng([self._seed, epoch])
        orders = [random.permutation(windows) for windows in self._windows]
        batches = [order[at : at + self._batch] for order in orders for at in range(0, len(order), self._batch)]
        return [batches[place] for place in random.permutation(len(batches))]

"""Mean and standard deviation of each channel of each system, from training windows only.

One scale for all recordings of a system: how strongly a recording vibrates stays visible.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SMALLEST_STD = 1e-12


@dataclass(frozen=True)
class Scaling:
    """`mean_C` and `std_C` of one system; a channel that never changes is only centred."""

    mean_C: npt.NDArray[np.float64]
    std_C: npt.NDArray[np.float64]

    @property
    def channels(self) -> int:
        return len(self.mean_C)

    def apply(self, x_BLC: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return ((x_BLC - self.mean_C) / self.std_C).astype(np.float32)


@dataclass
class _Sums:
    count: int
    mean_C: npt.NDArray[np.float64]
    squares_C: npt.NDArray[np.float64]

    def add(self, x_LC: npt.NDArray[np.float64]) -> None:
        """Join the moments of a window to those so far (Chan, Golub and LeVeque 1983)."""
        count = len(x_LC)
        mean_C = x_LC.mean(0)
        total = self.count + count
        apart_C = mean_C - self.mean_C
        self.squares_C += np.square(x_LC - mean_C).sum(0) + np.square(apart_C) * (self.count * count / total)
        self.mean_C += apart_C * (count / total)
        self.count = total


def fit(windows: Iterable[tuple[int, npt.NDArray[np.float32]]]) -> dict[int, Scaling]:
    """Scaling of each system from pairs of system and window (L, C), in float64 and one pass."""
    sums: dict[int, _Sums] = {}
    for system, x_LC in windows:
        nothing = np.zeros(x_LC.shape[1])
        sums.setdefault(system, _Sums(0, nothing, nothing.copy())).add(x_LC.astype(np.float64))
    return {system: _scaling(one) for system, one in sums.items()}


def _scaling(sums: _Sums) -> Scaling:
    std_C = np.sqrt(sums.squares_C / sums.count)
    return Scaling(sums.mean_C, np.where(std_C > SMALLEST_STD, std_C, 1.0))

"""A task with nothing to train."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.interface import System
from tasks.signal_prediction import SignalPrediction


class Frozen(SignalPrediction):
    def __init__(self, config: SignalPrediction.Config, width: int, systems: Sequence[System]) -> None:
        super().__init__(config, width, systems)
        self.requires_grad_(requires_grad=False)
